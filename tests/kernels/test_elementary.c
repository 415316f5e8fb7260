/* Elementary functions against the C library in double, the software fused
 * multiply-add against the hardware, random numbers against published vectors.
 * Takes every 1021st float; --every N takes every Nth, --all all (an hour). */
#include "check.h"

#include "base/bytes.h"
#include "base/cpu.h"
#include "base/fpenv.h"
#include "kernels/f64.h"
#include "kernels/fma.h"
#include "kernels/kernels.h"
#include "kernels/random.h"
#include "kernels/scalar.h"

static uint64_t stride = 1021;

/* ---- error bounds ---- */

static const lnspi_kernels *const ref = &lnspi_kernels_scalar;

static double phi(double x) { return 0.5 * erfc(-x * 0.70710678118654752); }
static double logistic(double x) { return 1 / (1 + exp(-x)); }
static double gelu(double x) { return x * phi(x); }
static double silu(double x) { return x * logistic(x); }
static double gelu_slope(double x) {
  return phi(x) + x * exp(-0.5 * x * x) * 0.39894228040143268;
}
static double silu_slope(double x) {
  double s = logistic(x);
  return s + x * s * (1 - s);
}
static double sigmoid_slope(double x) {
  double e = exp(-fabs(x));
  return e / ((1 + e) * (1 + e));
}
static double tanh_slope(double x) {
  double c = cosh(x);
  return 1 / (c * c);
}

static float act(int kind, float x) {
  float y;
  ref->act(kind, &y, &x, 1);
  return y;
}
static double softplus(double x) { return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)); }
static float own_softplus(float x) { return act(LNSPI_ACT_SOFTPLUS, x); }
static float slope(int kind, float x) {
  float y, one = 1;
  ref->act_dx(kind, &y, &one, &x, 1);
  return y;
}
static float own_gelu(float x) { return act(LNSPI_ACT_GELU, x); }
static float own_silu(float x) { return act(LNSPI_ACT_SILU, x); }
static float own_gelu_slope(float x) { return slope(LNSPI_ACT_GELU, x); }
static float own_silu_slope(float x) { return slope(LNSPI_ACT_SILU, x); }
static float own_tanh_slope(float x) { return slope(LNSPI_ACT_TANH, x); }
static float own_sigmoid_slope(float x) { return slope(LNSPI_ACT_SIGMOID, x); }

static double ulp_of(double exact) {
  double a = fabs(exact);
  int e;
  if (a < (double)FLT_MIN) return 0x1p-149;
  frexp(a, &e);
  return ldexp(1, e - 24);
}

/* Errors over low <= x <= high, in ulp of the exact result (ulps > 0 is the bound)
 * or absolute. */
static void measure(const char *name, float (*own)(float), double (*exact)(double), float low,
                    float high, double ulps, double absolute) {
  double worst = 0, worst_at = 0, far = 0, far_at = 0;
  uint64_t count = 0;
  for (uint64_t u = 0; u < 1ull << 32; u += stride) {
    float x = lnspi_bits_float((uint32_t)u);
    if (!(x >= low && x <= high)) continue;
    double e = exact((double)x), d = fabs((double)own(x) - e), r = d / ulp_of(e);
    if (!(r <= worst)) worst = r, worst_at = (double)x;
    if (!(d <= far)) far = d, far_at = (double)x;
    count++;
  }
  if (ulps > 0)
    printf("# %-9s %.3f ulp at %.9g", name, worst, worst_at);
  else
    printf("# %-9s %.3g at %.9g", name, far, far_at);
  printf(", %llu values of [%.9g, %.9g]\n", (unsigned long long)count, (double)low,
         (double)high);
  CHECK(count > 1000);
  CHECK_SAY(ulps == 0 || worst <= ulps, "%s: %.3f ulp, promised %.1f", name, worst, ulps);
  CHECK_SAY(absolute == 0 || far <= absolute, "%s: error %.3g, promised %.3g", name, far,
            absolute);
}

static void test_bounds(void) {
  measure("exp", lnspi_scalar_exp, exp, -87.33654f, 88.72283f, 1, 0);
  measure("log", lnspi_scalar_log, log, 0x1p-149f, FLT_MAX, 1, 0);
  measure("tanh", lnspi_scalar_tanh, tanh, -FLT_MAX, FLT_MAX, 2, 0);
  measure("erf", lnspi_scalar_erf, erf, -FLT_MAX, FLT_MAX, 2, 0);
  measure("sigmoid", lnspi_scalar_sigmoid, logistic, -87, FLT_MAX, 2, 0);
  measure("gelu", own_gelu, gelu, -12.5f, FLT_MAX, 8, 0);
  measure("silu", own_silu, silu, -87, FLT_MAX, 4, 0);
  measure("softplus", own_softplus, softplus, -87, FLT_MAX, 4, 0);
  measure("gelu'", own_gelu_slope, gelu_slope, -FLT_MAX, FLT_MAX, 0, 3e-7);
  measure("silu'", own_silu_slope, silu_slope, -600, 600, 0, 3e-7);
  measure("tanh'", own_tanh_slope, tanh_slope, -300, 300, 0, 2e-7);
  measure("sigmoid'", own_sigmoid_slope, sigmoid_slope, -FLT_MAX, FLT_MAX, 0, 1e-7);
}

static int bits(float x, float y) {
  return lnspi_float_bits(x) == lnspi_float_bits(y) || (x != x && y != y);
}

static void test_special_values(void) {
  const float inf = INFINITY;
  CHECK(bits(lnspi_scalar_exp(0), 1) && bits(lnspi_scalar_exp(-0.0f), 1));
  CHECK(bits(lnspi_scalar_exp(inf), inf) && bits(lnspi_scalar_exp(-inf), 0) &&
        bits(lnspi_scalar_exp(NAN), NAN));
  CHECK(bits(lnspi_scalar_exp(89), inf) && bits(lnspi_scalar_exp(-88), 0) &&
        bits(lnspi_scalar_exp(-FLT_MAX), 0));
  CHECK(lnspi_scalar_exp(88.7228317f) < inf && bits(lnspi_scalar_exp(88.7228394f), inf));
  CHECK(lnspi_scalar_exp(-87.3365402f) >= FLT_MIN && bits(lnspi_scalar_exp(-87.3365479f), 0));
  CHECK(bits(lnspi_scalar_log(1), 0) && bits(lnspi_scalar_log(0), -inf) &&
        bits(lnspi_scalar_log(-0.0f), -inf));
  CHECK(bits(lnspi_scalar_log(inf), inf) && bits(lnspi_scalar_log(-1), NAN) &&
        bits(lnspi_scalar_log(NAN), NAN));
  CHECK(bits(lnspi_scalar_log(-inf), NAN));
  CHECK(bits(lnspi_scalar_tanh(inf), 1) && bits(lnspi_scalar_tanh(-inf), -1) &&
        bits(lnspi_scalar_tanh(NAN), NAN));
  CHECK(bits(lnspi_scalar_tanh(0), 0) && bits(lnspi_scalar_tanh(-0.0f), -0.0f));
  CHECK(bits(lnspi_scalar_tanh(0x1p-149f), 0x1p-149f));
  CHECK(bits(lnspi_scalar_erf(inf), 1) && bits(lnspi_scalar_erf(-inf), -1) &&
        bits(lnspi_scalar_erf(NAN), NAN));
  CHECK(bits(lnspi_scalar_erf(0), 0) && bits(lnspi_scalar_erf(-0.0f), -0.0f));
  CHECK(bits(lnspi_scalar_sigmoid(inf), 1) && bits(lnspi_scalar_sigmoid(-inf), 0));
  CHECK(bits(lnspi_scalar_sigmoid(0), 0.5f) && bits(lnspi_scalar_sigmoid(NAN), NAN));
  CHECK(bits(act(LNSPI_ACT_RELU, NAN), 0) && bits(act(LNSPI_ACT_RELU, -0.0f), 0));
  CHECK(bits(act(LNSPI_ACT_RELU, inf), inf) && bits(act(LNSPI_ACT_RELU, -inf), 0));
  for (int kind = LNSPI_ACT_GELU; kind <= LNSPI_ACT_SILU; kind++) {
    CHECK(bits(act(kind, 0), 0) && bits(act(kind, -inf), -0.0f) && bits(act(kind, inf), inf));
    CHECK(bits(act(kind, FLT_MAX), FLT_MAX) && bits(act(kind, -FLT_MAX), -0.0f));
    CHECK(bits(act(kind, NAN), NAN) && bits(slope(kind, NAN), NAN));
    CHECK(bits(slope(kind, inf), 1) && bits(slope(kind, -inf), 0));
    CHECK(bits(slope(kind, FLT_MAX), 1) && bits(slope(kind, -FLT_MAX), 0));
    CHECK(fabsf(slope(kind, 0) - 0.5f) < 1e-7f);
  }
  CHECK(bits(slope(LNSPI_ACT_RELU, 0), 0) && bits(slope(LNSPI_ACT_RELU, 0x1p-149f), 1));
  CHECK(bits(slope(LNSPI_ACT_TANH, inf), 0) && bits(slope(LNSPI_ACT_TANH, 0), 1));
  CHECK(bits(slope(LNSPI_ACT_SIGMOID, -inf), 0) && bits(slope(LNSPI_ACT_SIGMOID, inf), 0));
  float tiny = 0x1p-126f, half = 0, one = 1;
  ref->act_dx(LNSPI_ACT_SIGMOID, &half, &tiny, &one, 1);
  CHECK(bits(half, 0)); /* below FLT_MIN: flushed */
}

/* These bits are the arithmetic: a change of one of them changes the results of
 * every model, and LNSP_ARITHMETIC_VERSION with it. */
static uint64_t hash_add(uint64_t h, float f) {
  return (h ^ (f != f ? 0x7fc00000u : lnspi_float_bits(f))) * 1099511628211u;
}

static void test_golden_bits(void) {
  static const struct {
    const char *name;
    float (*f)(float);
    uint64_t hash;
  } golden[] = {
      {"exp", lnspi_scalar_exp, 0x6206c0fb95897bc1},
      {"log", lnspi_scalar_log, 0x6ca65826081673c7},
      {"tanh", lnspi_scalar_tanh, 0x58a7160744290274},
      {"erf", lnspi_scalar_erf, 0x1a758f67ed08bef3},
      {"sigmoid", lnspi_scalar_sigmoid, 0x1c897283b7c4eb7c},
      {"gelu", own_gelu, 0xdaa130b4ad4c001c},
      {"silu", own_silu, 0xe9577886dd782db5},
      {"gelu'", own_gelu_slope, 0x65a7c5ded3b92259},
      {"silu'", own_silu_slope, 0x290da5fa95738eb0},
      {"tanh'", own_tanh_slope, 0x176ded3cc98b6c5b},
      {"sigmoid'", own_sigmoid_slope, 0xf096962e20f20a9c},
  };
  for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++) {
    uint64_t h = 14695981039346656037u;
    for (uint64_t u = 0; u < 1ull << 32; u += 40009)
      h = hash_add(h, golden[i].f(lnspi_bits_float((uint32_t)u)));
    CHECK_SAY(h == golden[i].hash, "%s: the bits changed, hash 0x%016llx", golden[i].name,
              (unsigned long long)h);
  }
  float y[999];
  uint64_t h = 14695981039346656037u;
  lnspi_random_normal(y, 999, 1, 2, 3, 4);
  for (int i = 0; i < 999; i++) h = hash_add(h, y[i]);
  lnspi_random_uniform(y, 999, 0.3f, 1, 2, 3, 4);
  for (int i = 0; i < 999; i++) h = hash_add(h, y[i]);
  CHECK_SAY(h == 0xcef350ba70d9dcfb, "random: the bits changed, hash 0x%016llx",
            (unsigned long long)h);
}

/* ---- fused multiply-add ---- */

static uint64_t state = 0x9e3779b97f4a7c15u;
static uint64_t draw(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state * 0x2545f4914f6cdd1du;
}

/* A float with a chosen exponent field and random sign and fraction. */
static float with_exponent(uint32_t random, int64_t exponent) {
  uint32_t e = exponent < 0 ? 0 : exponent > 254 ? 254 : (uint32_t)exponent;
  return lnspi_bits_float((random & 0x807fffffu) | e << 23);
}

static int exponent_of(float f) { return (int)(lnspi_float_bits(f) >> 23 & 0xff); }

/* One hard case of each of ten sorts in turn. */
static void hard_case(uint64_t i, float *a, float *b, float *c) {
  uint64_t r = draw(), s = draw();
  uint32_t ra = (uint32_t)r, rb = (uint32_t)(r >> 32), rc = (uint32_t)s;
  int near = (int)(s >> 40 & 63) - 32, more = (int)(s >> 48 & 31);
  switch (i % 10) {
    case 0: /* anything, infinities and NaN too */
      *a = lnspi_bits_float(ra), *b = lnspi_bits_float(rb), *c = lnspi_bits_float(rc);
      break;
    case 1: /* sum of close exponents */
      *a = with_exponent(ra, 127 + more), *b = with_exponent(rb, 127 - near);
      *c = with_exponent(rc, exponent_of(*a) + exponent_of(*b) - 127 + near);
      break;
    case 2: { /* cancellation down to the last bits */
      *a = with_exponent(ra, 110 + more), *b = with_exponent(rb, 110 + more);
      volatile float p = *a * *b;
      *c = -lnspi_bits_float(lnspi_float_bits(p) + (uint32_t)(more % 5) - 2);
      break;
    }
    case 3: /* few bits: ties */
      *a = with_exponent(ra & ~0xfffu, 127), *b = with_exponent(rb & ~0x7ffu, 127 + more % 3);
      *c = with_exponent(rc & ~((1u << (more % 24)) - 1), 127 + near);
      break;
    case 4: /* ties but for one far bit of the product */
      *a = with_exponent(ra & ~0x7fffffu, 127 - 24 - more % 3);
      *b = with_exponent(1u << (rb % 23), 127);
      *c = with_exponent(rc, 127 + near % 2);
      break;
    case 5: /* subnormal sums */
      *a = with_exponent(ra, 30 + more), *b = with_exponent(rb, 127 - 30 - more + near / 4);
      *c = lnspi_bits_float(rc & 0x80ffffffu);
      break;
    case 6: /* subnormal products, half way between two */
      *a = with_exponent(ra & ~((1u << (more % 24)) - 1), 64 - more / 2);
      *b = with_exponent(rb & ~0xfffu, 64 - near / 4);
      *c = lnspi_bits_float((rc & 0x80000000u) | (rc & 0x7fffffu) >> (more % 24));
      break;
    case 7: /* c, half a step and a far bit: (1 + e)(1 - e) = 1 - e^2, e down to 2^-23 */
      *a = 1 + ldexpf(1, -(more % 14) - 10), *b = 2 - *a;
      *c = with_exponent(rc, 60 + near);
      *a = ldexpf(*a, exponent_of(*c) - 127 - 24), *b = r & 1 ? *b : -*b;
      break;
    case 8: /* the same with subnormal c, whose half step is 2^-150 */
      *a = 1 + ldexpf(1, -(more % 14) - 10), *b = 2 - *a;
      *c = lnspi_bits_float(rc & 0x807fffffu);
      *a = ldexpf(*a, -75), *b = ldexpf(r & 1 ? *b : -*b, -75);
      break;
    default: /* around overflow */
      *a = with_exponent(ra, 190 + more), *b = with_exponent(rb, 190 - more + near / 8);
      *c = with_exponent(rc, 254 - (more & 3));
      break;
  }
}

#if (defined(__x86_64__) || defined(__i386__)) && defined(__GNUC__)
#include <immintrin.h>
#define HARDWARE 1
static int hardware(void) { return (lnspi_cpu_features() & LNSPI_CPU_AVX2) != 0; }
__attribute__((target("fma"))) static float hardware_fma(float a, float b, float c) {
  return _mm_cvtss_f32(_mm_fmadd_ss(_mm_set_ss(a), _mm_set_ss(b), _mm_set_ss(c)));
}
#elif LNSPI_FMA_HARDWARE
#define HARDWARE 1
static int hardware(void) { return 1; }
static float hardware_fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
#else
#define HARDWARE 0
#endif

#if HARDWARE
static uint64_t fma_cases = 12000000;

static void fma_compare(float a, float b, float c) {
  float h = hardware_fma(a, b, c), s = lnspi_fma_software(a, b, c),
        l = lnspi_scalar_fma(a, b, c);
  CHECK_SAY(bits(s, h), "fma(%a, %a, %a) is %a in software, %a in hardware", (double)a,
            (double)b, (double)c, (double)s, (double)h);
  CHECK(bits(l, h));
}

static void test_software_fma(void) {
  static const uint32_t edges[] = {0x00000000, 0x00000001, 0x00000002, 0x00000003, 0x00400000,
                                   0x007fffff, 0x00800000, 0x00800001, 0x00ffffff, 0x1f800000,
                                   0x20000000, 0x33800000, 0x34000000, 0x3f7fffff, 0x3f800000,
                                   0x3f800001, 0x3fffffff, 0x40000000, 0x4b800000, 0x5f000000,
                                   0x7f000000, 0x7f7fffff, 0x7f800000, 0x7fc00000};
  enum { N = sizeof edges / sizeof edges[0] };
  for (unsigned i = 0; i < 2 * N; i++)
    for (unsigned j = 0; j < 2 * N; j++)
      for (unsigned k = 0; k < 2 * N; k++)
        fma_compare(lnspi_bits_float(edges[i % N] | (i < N ? 0 : 1u << 31)),
                    lnspi_bits_float(edges[j % N] | (j < N ? 0 : 1u << 31)),
                    lnspi_bits_float(edges[k % N] | (k < N ? 0 : 1u << 31)));
  for (uint64_t i = 0; i < fma_cases; i++) {
    float a, b, c;
    hard_case(i, &a, &b, &c);
    fma_compare(a, b, c);
  }
}
#endif

/* ---- powers, cosines, random numbers ---- */

static void test_power(void) {
  CHECK(lnspi_f64_power(0.9, 0) == 1 && lnspi_f64_power(0, 0) == 1 &&
        lnspi_f64_power(0.5, 10) == 0x1p-10);
  CHECK(lnspi_f64_power(3, 13) == 1594323 && lnspi_f64_power(-1, 7) == -1);
  for (uint64_t n = 1; n < 100000; n = n * 3 / 2 + 1) {
    double expected = pow(0.999, (double)n);
    CHECK_NEAR(lnspi_f64_power(0.999, n) / expected, 1, 1e-12);
  }
  CHECK(lnspi_f64_power(0.9, UINT64_MAX) == 0);
}

static void test_cos_pi(void) {
  CHECK(lnspi_f64_cos_pi(0) == 1 && lnspi_f64_cos_pi(1) == -1 && lnspi_f64_cos_pi(0.5) == 0);
  CHECK(lnspi_f64_cos_pi(-1) == -1 && lnspi_f64_cos_pi(1e6) == 1 && lnspi_f64_cos_pi(1.5) == 0);
  double worst = 0;
  for (int i = 0; i < 1000000; i++) {
    double x = (double)(int64_t)draw() * 0x1p-63 * (i % 2 ? 1 : 1e6);
    double r = fabs(x) - 2 * floor(fabs(x) / 2), s = r > 1 ? 2 - r : r; /* exact */
    double e = s < 0.25   ? cos(3.14159265358979323846 * s)
               : s > 0.75 ? -cos(3.14159265358979323846 * (1 - s))
                          : sin(3.14159265358979323846 * (0.5 - s));
    double d = fabs(lnspi_f64_cos_pi(x) - e);
    if (d > worst) worst = d;
  }
  printf("# cos_pi within %.3g\n", worst);
  CHECK(worst <= 4e-16);
}

/* The known-answer vectors that the authors publish with Random123. */
static void test_philox(void) {
  static const uint32_t known[3][10] =
      {{0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
       {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d,
        0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
       {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09,
        0x94fdcceb, 0x5001e420, 0x24126ea1}};
  for (int i = 0; i < 3; i++) {
    uint32_t out[4];
    lnspi_random_philox(known[i], known[i] + 4, out);
    CHECK(!memcmp(out, known[i] + 6, sizeof out));
  }
  CHECK_INT(lnspi_random(0, 0, 0, 2), 0xbc57ac4c);
  CHECK(lnspi_random(1, 2, 3, 4) != lnspi_random(1, 2, 4, 4));
  CHECK(lnspi_random(1, 2, 3, 4) != lnspi_random(1, 2ull + (1ull << 32), 3, 4));
  CHECK(lnspi_random(1, 2, 3, 4) != lnspi_random(1ull + (1ull << 32), 2, 3, 4));
}

enum { DRAWS = 200000 };
static float drawn[DRAWS];

static void test_random_uniform(void) {
  lnspi_random_uniform(drawn, DRAWS, 0.25f, 7, 0, 1, 0);
  double mean = 0, square = 0;
  int bins[16] = {0};
  for (int i = 0; i < DRAWS; i++) {
    CHECK(drawn[i] >= -0.25f && drawn[i] < 0.25f);
    mean += (double)drawn[i] / DRAWS;
    square += (double)drawn[i] * (double)drawn[i] / DRAWS;
    bins[(int)((drawn[i] + 0.25f) * 32)]++;
  }
  CHECK_NEAR(mean, 0, 0.002);
  CHECK_NEAR(square, 0.25 * 0.25 / 3, 0.0002);
  for (int i = 0; i < 16; i++) CHECK_NEAR(bins[i], DRAWS / 16, 600);
  float part[7];
  for (uint32_t start = 0; start < 9; start++) {
    lnspi_random_uniform(part, 7, 0.25f, 7, 0, 1, start);
    CHECK(!memcmp(part, drawn + start, sizeof part));
    float word = (float)(lnspi_random(7, 0, 1, start) >> 8) * 0x1p-24f; /* in [0, 1) */
    CHECK(part[0] == 0.5f * word - 0.25f);
  }
}

static void test_random_normal(void) {
  lnspi_random_normal(drawn, DRAWS, 7, 5, 1, 0);
  double sums[5] = {0}, pairs = 0;
  for (int i = 0; i < DRAWS; i++) {
    double x = (double)drawn[i], p = 1;
    CHECK(fabs(x) < 6);
    for (int k = 1; k < 5; k++) sums[k] += (p *= x) / DRAWS;
    if (i & 1) pairs += x * (double)drawn[i - 1] / DRAWS;
  }
  CHECK_NEAR(sums[1], 0, 0.01);
  CHECK_NEAR(sums[2], 1, 0.015);
  CHECK_NEAR(sums[3], 0, 0.04);
  CHECK_NEAR(sums[4], 3, 0.12);
  CHECK_NEAR(pairs, 0, 0.01);
  float part[7];
  for (uint32_t start = 0; start < 9; start++) {
    lnspi_random_normal(part, 7, 7, 5, 1, start);
    CHECK(!memcmp(part, drawn + start, sizeof part));
  }
  for (uint32_t i = 0; i < 1000; i += 2) { /* Box and Muller, in double */
    double u = ((double)(lnspi_random(7, 5, 1, i) >> 8) + 1) * 0x1p-24;
    double t = 6.283185307179586 * (double)(lnspi_random(7, 5, 1, i + 1) >> 8) * 0x1p-24;
    CHECK_NEAR(drawn[i], sqrt(-2 * log(u)) * cos(t), 2e-6);
    CHECK_NEAR(drawn[i + 1], sqrt(-2 * log(u)) * sin(t), 2e-6);
  }
}

int main(int count, char **words) {
  if (count == 2 && !strcmp(words[1], "--all")) {
    stride = 1;
#if HARDWARE
    fma_cases = 400000000;
#endif
  } else if (count == 3 && !strcmp(words[1], "--every") && atoi(words[2]) > 0) {
    stride = (uint64_t)atoi(words[2]);
  } else if (count > 1) {
    printf("usage: test_elementary [--all | --every N]\n");
    return 2;
  }
  if (check_light()) stride *= 16;
  lnspi_fpenv saved = lnspi_fpenv_enter();
  RUN(test_bounds);
  RUN(test_special_values);
  RUN(test_golden_bits);
#if HARDWARE
  if (hardware())
    RUN(test_software_fma);
  else
    SKIP("test_software_fma", "this CPU has no fused multiply-add");
#else
  SKIP("test_software_fma", "no way to reach a hardware fused multiply-add");
#endif
  RUN(test_power);
  RUN(test_cos_pi);
  RUN(test_philox);
  RUN(test_random_uniform);
  RUN(test_random_normal);
  lnspi_fpenv_leave(saved);
  FINISH();
}
