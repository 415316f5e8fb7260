/* Architecture texts that are refused: code, line, column, sentence; stated limits;
 * texts cut and changed at every byte. */
#include "check.h"
#include "graph_build.h"

#define IN "lnsp 1\nx = input 4\n"

static const struct {
  const char *text;
  int code, line, column;
  const char *says; /* part of the message */
} malformed[] = {
    {"", LNSP_E_SYNTAX, 1, 1, "must start with a name"},
    {" \n# nothing\n", LNSP_E_SYNTAX, 3, 1, "must start with a name"},
    {"= student", LNSP_E_SYNTAX, 1, 1, "must start with a name"},
    {"studnt", LNSP_E_UNKNOWN, 1, 1, "mean 'student'"},
    {"student 384", LNSP_E_SYNTAX, 1, 9, "384"},
    {"student\nstudent", LNSP_E_SYNTAX, 2, 1, "one line"},
    {"student heads=7", LNSP_E_SHAPE, 1, 15, "divide"},
    {"student heads=0", LNSP_E_LIMIT, 1, 15, "heads"},
    {"student heads=8 heads=8", LNSP_E_SYNTAX, 1, 17, "twice"},
    {"student act=elu", LNSP_E_UNKNOWN, 1, 13,
     "mean 'relu'? choose from none, relu, gelu, silu, tanh"},
    {"student act=", LNSP_E_SYNTAX, 1, 9, "act"},
    {"student residual=2", LNSP_E_LIMIT, 1, 18, "residual"},
    {"student width=3", LNSP_E_UNKNOWN, 1, 9, "lnsp list student"},
    {"student d=65537", LNSP_E_LIMIT, 1, 11, "65536"},
    {"student d=1.5", LNSP_E_SYNTAX, 1, 11, "d"},
    {"family_a k=21846 heads=2", LNSP_E_SHAPE, 1, 1, "21845"},
    {"lnsp", LNSP_E_UNKNOWN, 1, 5, "version"},
    {"lnsp 2\nx = input 4", LNSP_E_UNKNOWN, 1, 6, "version '2'"},
    {"lnsp 1 x\n", LNSP_E_SYNTAX, 1, 8, "'x'"},
    {"lnsp 1\n", LNSP_E_MISSING, 2, 1, "output output=o"},
    {"lnsp 1\nx = input 4", LNSP_E_MISSING, 2, 12, "output output=o"},
    {"lnsp 1\nx = gelu x", LNSP_E_SYNTAX, 2, 5, "input"},
    {"lnsp 1\nx = input", LNSP_E_MISSING, 2, 5, "width"},
    {"lnsp 1\nx = input 0", LNSP_E_LIMIT, 2, 11, "width"},
    {"lnsp 1\nx = input -4", LNSP_E_LIMIT, 2, 11, "width"},
    {"lnsp 1\nx = input 65537", LNSP_E_LIMIT, 2, 11, "65536"},
    {"lnsp 1\nx = input 99999999999999999999", LNSP_E_LIMIT, 2, 11, "width"},
    {"lnsp 1\nx = input 4 4", LNSP_E_SYNTAX, 2, 13, "does not take the number 4"},
    {"lnsp 1\nx = input y", LNSP_E_SYNTAX, 2, 11, "0 inputs"},
    {IN "x = input 4", LNSP_E_SYNTAX, 3, 5, "an input already"},
    {IN "y", LNSP_E_SYNTAX, 3, 1, "followed by '='"},
    {IN "y gelu x", LNSP_E_SYNTAX, 3, 1, "followed by '='"},
    {IN "= gelu x", LNSP_E_SYNTAX, 3, 1, "starts with a name"},
    {IN "y =\n", LNSP_E_SYNTAX, 3, 4, "must follow '='"},
    {IN "y = = x", LNSP_E_SYNTAX, 3, 5, "must follow '='"},
    {IN "y = glu x", LNSP_E_UNKNOWN, 3, 5, "mean 'gelu'"},
    {IN "y = gelu", LNSP_E_SYNTAX, 3, 5, "takes 1 input, not 0"},
    {IN "y = gelu x x", LNSP_E_SYNTAX, 3, 12, "takes 1 input, not 2"},
    {IN "y = add x", LNSP_E_SYNTAX, 3, 5, "takes 2 inputs, not 1"},
    {IN "y = add x x x x x", LNSP_E_LIMIT, 3, 17, "too many"},
    {IN "y = gelu z", LNSP_E_UNKNOWN, 3, 10, "'z'"},
    {IN "y = gelu y", LNSP_E_UNKNOWN, 3, 10, "'y'"},
    {IN "2y = gelu x", LNSP_E_SYNTAX, 3, 1, "cannot name"},
    {IN "y.a = gelu x", LNSP_E_SYNTAX, 3, 1, "cannot name"},
    {IN "\xc3\xa9 = gelu x", LNSP_E_SYNTAX, 3, 1, "cannot name"},
    {IN "y = gelu x 4", LNSP_E_SYNTAX, 3, 12, "does not take"},
    {IN "y = gelu x eps=1", LNSP_E_UNKNOWN, 3, 12, "no key 'eps'"},
    {IN "y = linear x w=a", LNSP_E_MISSING, 3, 5, "WIDTH"},
    {IN "y = linear x 4", LNSP_E_MISSING, 3, 5, "w=NAME"},
    {IN "y = linear x four w=a", LNSP_E_SYNTAX, 3, 14, "not 2"},
    {IN "y = linear x 4 x w=a", LNSP_E_SYNTAX, 3, 16, "after a size"},
    {IN "y = linear x 4 w=a bias=yes", LNSP_E_SYNTAX, 3, 25, "bias"},
    {IN "y = linear x 4 w = a", LNSP_E_SYNTAX, 3, 16, "w"},
    {IN "y = linear x 4 w=a=b", LNSP_E_SYNTAX, 3, 16, "w"},
    {IN "y = linear x 4 w=a\"b", LNSP_E_SYNTAX, 3, 18, "plain ASCII"},
    {IN "y = linear x 4 w=a w=a", LNSP_E_SYNTAX, 3, 20, "twice"},
    {IN "y = linear x 4 w=a kaputt=1", LNSP_E_UNKNOWN, 3, 20, "of linear"},
    {IN "y = linear x 4 w=a; y = linear y 3 w=a", LNSP_E_SHAPE, 3, 38, "a.weight"},
    {IN "y = linear x 4 w=a; y = layernorm y w=a", LNSP_E_SHAPE, 3, 39, "a.weight"},
    {IN "y = linear x 3 w=a; z = add x y", LNSP_E_SHAPE, 3, 31, "'y' has 3"},
    {"lnsp 1\nx = ids count=9\ny = linear x 4 w=a", LNSP_E_SHAPE, 3, 12, "embedding"},
    {IN "y = last x chunk=65536; z = last y chunk=2", LNSP_E_LIMIT, 3, 29, "65536"},
    {IN "y = l2norm x eps=0", LNSP_E_LIMIT, 3, 18, "eps"},
    {IN "y = l2norm x eps=nan", LNSP_E_SYNTAX, 3, 18, "eps"},
    {IN "y = attention x w=a", LNSP_E_MISSING, 3, 5, "heads="},
    {IN "y = attention x heads=3 w=a", LNSP_E_SHAPE, 3, 23, "divides"},
    {"lnsp 1\nx = input 21846\ny = attention x heads=2 w=a", LNSP_E_SHAPE, 3, 23, "21845"},
    {"lnsp 1\noutput output=x", LNSP_E_UNKNOWN, 2, 15, "'x'"},
    {IN "output", LNSP_E_MISSING, 3, 1, "output=o"},
    {IN "output code=x", LNSP_E_MISSING, 3, 1, "output=o"},
    {IN "output output=x", LNSP_E_SHAPE, 3, 15, "the input itself"},
    {IN "y = gelu x\noutput output=z", LNSP_E_UNKNOWN, 4, 15, "'z'"},
    {IN "y = gelu x\noutput output=y output=y", LNSP_E_SYNTAX, 4, 17, "twice"},
    {IN "y = gelu x\noutput output=y 1=y", LNSP_E_SYNTAX, 4, 17, "cannot name"},
    {IN "y = gelu x\noutput y", LNSP_E_SYNTAX, 4, 8, "y"},
    {IN "y = gelu x\noutput output=y\nz = gelu y", LNSP_E_SYNTAX, 5, 1, "last"},
    {IN "y = gelu x\noutput output=y = ", LNSP_E_SYNTAX, 4, 17, "="},
    {IN "y = gelu x\nz = gelu x # not used\noutput output=y", LNSP_E_SYNTAX, 4, 1, "'z'"},
    {IN "y = gelu x; y = gelu x\noutput output=y", LNSP_E_SYNTAX, 3, 1, "'y'"},
};

static void refusals(void) {
  const int count = (int)(sizeof malformed / sizeof *malformed);
  CHECK(count >= 60);
  for (int i = 0; i < count; i++) {
    void *memory = NULL;
    const lnsp_graph *g = build(malformed[i].text, NULL, &memory);
    CHECK_SAY(!g, "accepted: %s", malformed[i].text);
    CHECK_SAY(error.code == malformed[i].code && error.line == malformed[i].line &&
                  error.column == malformed[i].column,
              "%s: code %d at %d:%d, expected %d at %d:%d (%s)", malformed[i].text, error.code,
              error.line, error.column, malformed[i].code, malformed[i].line,
              malformed[i].column, error.message);
    CHECK_SAY(strstr(error.message, malformed[i].says) != NULL, "%s: %s", malformed[i].text,
              error.message);
    CHECK(strlen(error.message) < sizeof error.message);
    free(memory);
  }
}

/* n lines "y = gelu y" between input and output */
static char *chain(int n, const char *line) {
  char *text = malloc((size_t)n * strlen(line) + 100), *at = text;
  at += sprintf(at, "lnsp 1\ny = input 1\n");
  for (int i = 0; i < n; i++) at += sprintf(at, "%s", line);
  sprintf(at, "output output=y\n");
  return text;
}

static int32_t try_text(const char *text) {
  void *memory;
  const lnsp_graph *g = build(text, NULL, &memory);
  free(memory);
  return g ? LNSP_OK : error.code;
}

static void limits(void) {
  char text[1024], name[200], *long_text;
  memset(name, 'n', sizeof name);
  name[31] = 0;
  snprintf(text, sizeof text, IN "%s = gelu x; output output=%s %s=%s", name, name, name, name);
  CHECK_INT(try_text(text), LNSP_OK);
  name[31] = 'n', name[32] = 0;
  snprintf(text, sizeof text, IN "%s = gelu x; output output=%s", name, name);
  CHECK_INT(try_text(text), LNSP_E_LIMIT);
  snprintf(text, sizeof text, IN "y = gelu x; output output=y %s=y", name);
  CHECK_INT(try_text(text), LNSP_E_LIMIT);
  memset(name, 'n', sizeof name);
  name[95 - 7] = 0; /* .weight */
  snprintf(text, sizeof text, IN "y = linear x 1 w=%s; output output=y", name);
  CHECK_INT(try_text(text), LNSP_OK);
  name[95 - 7] = 'n', name[96 - 7] = 0;
  snprintf(text, sizeof text, IN "y = linear x 1 w=%s; output output=y", name);
  CHECK_INT(try_text(text), LNSP_E_LIMIT);
  CHECK_INT(try_text(IN "y = gelu x; output output=y a=y b=y c=y d=y e=y f=y g=y"), LNSP_OK);
  CHECK_INT(try_text(IN "y = gelu x; output output=y a=y b=y c=y d=y e=y f=y g=y h=y"),
            LNSP_E_LIMIT);
  CHECK_INT(try_text(IN "y = linear x 1 2 3 4 5 w=a; output output=y"), LNSP_E_LIMIT);
  long_text = chain(1023, "y = gelu y\n");
  CHECK_INT(try_text(long_text), LNSP_OK);
  free(long_text);
  long_text = chain(1024, "y = gelu y;");
  CHECK_INT(try_text(long_text), LNSP_E_LIMIT);
  CHECK_INT(error.line, 3);
  free(long_text);
  long_text = malloc(1048600);
  memset(long_text, '\n', 1048600);
  memcpy(long_text, "student", 7);
  long_text[1048576] = 0;
  CHECK_INT(try_text(long_text), LNSP_OK);
  long_text[1048576] = '\n';
  long_text[1048577] = 0;
  CHECK_INT(try_text(long_text), LNSP_E_LIMIT);
  free(long_text);
}

/* 1,023 attentions have more tensors than a graph may. */
static void tensor_limit(void) {
  static char text[80000];
  for (int many = 512; many <= 513; many++) {
    char *at = text + sprintf(text, "lnsp 1\ny = input 2\n");
    for (int i = 0; i < many; i++) at += sprintf(at, "y = attention y heads=1 w=a%d\n", i);
    sprintf(at, "output output=y");
    CHECK_INT(try_text(text), many == 512 ? LNSP_OK : LNSP_E_LIMIT);
  }
}

/* Whatever stands in the text: a status and a sentence, and no byte astray. */
static void hostile_texts(void) {
  static const char *const texts[] =
      {"student d=48 s=31 k=20 heads=4 act=silu teacher=0",
       IN
       "h = linear x 6 w=a bias=0\nh = layernorm h w=n eps=1e-3\n"
       "a = attention h heads=3 w=b\nh = add h a # sum\nh = l2norm h\noutput output=h code=a",
       NULL};
  static const char replace[] = "\n;#= \t0-9.e+\x01\x7f\xff,\"\\xw";
  char text[256];
  int accepted = 0, refused = 0;
  for (int t = 0; texts[t]; t++) {
    const size_t length = strlen(texts[t]);
    for (size_t cut = 0; cut <= length; cut++) {
      memcpy(text, texts[t], cut);
      text[cut] = 0;
      if (try_text(text) == LNSP_OK)
        accepted++;
      else
        refused++;
    }
    for (size_t at = 0; at < length; at++)
      for (size_t r = 0; r < sizeof replace - 1; r++) {
        memcpy(text, texts[t], length + 1);
        text[at] = replace[r];
        if (try_text(text) == LNSP_OK) {
          accepted++;
          continue;
        }
        refused++;
        CHECK_SAY(error.line >= 1 && error.column >= 1 && error.message[0], "no place for: %s",
                  text);
        for (const char *p = error.message; *p; p++)
          CHECK_SAY((unsigned char)*p >= 32, "a control character in: %s", error.message);
      }
  }
  CHECK(accepted > 100 && refused > 1000);
}

/* Every block of docs/architecture.md that holds a whole graph is one. */
static void documented_texts(void) {
  static char document[65536], text[8192];
  FILE *file = fopen("docs/architecture.md", "rb");
  const char *at = document, *end;
  int blocks = 0;
  CHECK(file != NULL);
  if (!file) return;
  document[fread(document, 1, sizeof document - 1, file)] = 0;
  fclose(file);
  while ((at = strstr(at, "\nlnsp 1")) != NULL && (end = strstr(++at, "\noutput ")) != NULL) {
    const size_t length = (size_t)(end - at) + strcspn(end + 1, "\n") + 1;
    CHECK(length < sizeof text);
    memcpy(text, at, length);
    text[length] = 0;
    CHECK_SAY(try_text(text) == LNSP_OK, "%s\n%s", text, error.message);
    blocks++;
    at = end;
  }
  CHECK_INT(blocks, 2);
}

int main(void) {
  RUN(refusals);
  RUN(limits);
  RUN(tensor_limit);
  RUN(hostile_texts);
  RUN(documented_texts);
  FINISH();
}
