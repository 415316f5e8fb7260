/* Output of `lnsp loop`: texts of context, prediction and what came; figures so far. */
#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/json.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "data/texts.h"
#include "loop/loop.h"
#include "lnsp.h"

#define PRINT_COLUMNS 92 /* of a text */

/* The text of a row in at most `width` columns, or its number. Cut between characters of
 * UTF-8, and control characters become blanks. */
static const char *print_text(const loop_job *job, int32_t row, size_t width,
                              char buffer[4 * PRINT_COLUMNS + 8]) {
  const char *text = texts_find(&job->texts, row);
  size_t columns = 0, used = 0;

  if (!text) {
    snprintf(buffer, 4 * PRINT_COLUMNS + 8, "row %ld", (long)row);
    return buffer;
  }
  for (; *text && used < 4 * PRINT_COLUMNS; text++) {
    const unsigned char c = (unsigned char)*text;
    columns += (c & 0xC0) != 0x80;
    if (columns > width) {
      while (used > 0 && columns-- > width - 2) do
          used--;
        while (used > 0 && ((unsigned char)buffer[used] & 0xC0) == 0x80);
      memcpy(buffer + used, "...", 4);
      return buffer;
    }
    buffer[used++] = c < 0x20 || c == 0x7F ? ' ' : (char)c;
  }
  buffer[used] = 0;
  return buffer;
}

/* One object of JSON, and a line of the table where there is a name for it. */
static void print_figures(const char *key, const char *name, const loop_figures *f) {
  char number[FORMAT_NUMBER_BYTES];
  json_open(key, '{');
  json_integer("concepts", f->count);
  json_real("cosine", f->cosine);
  json_real("r_at_1", f->hit1);
  json_real("r_at_5", f->hit5);
  json_real("r_at_10", f->hit10);
  json_real("mrr", f->mrr);
  json_close('}');
  if (name)
    report_print("%-18s %8s  %6.4f  %6.4f  %6.4f  %6.4f  %6.4f\n", name,
                 format_number(f->count, number), f->cosine, f->hit1, f->hit5, f->hit10,
                 f->mrr);
}

static loop_figures print_window(const loop_job *job) {
  return loop_stats_part(&job->meter, job->done - job->window, job->window);
}

/* ---- at the start ---- */

void loop_print_start(const loop_job *job) {
  const loop_learner *l = &job->learner;
  lnsp_memory_info memory = LNSP_MEMORY_INFO_INIT;
  lnsp_error error;

  if (job->args->json) json_lines();
  if (job->learns) refuse_if(lnsp_trainer_memory(l->trainer, &memory, &error), NULL, &error);
  report_start(job->args);
  json_text("line", "start");
  report_text("model", "model", job->path);
  report_integer("stream", "stream", job->count, "concepts");
  report_integer("context", "context", job->stream.concepts, "concepts");
  report_integer("pool", "can be found", job->bank.count, "concepts");
  report_integer("index_bytes", "index", (int64_t)job->bank.bytes, "bytes");
  report_text("isa", "kernels", lnsp_session_isa(job->session));
  report_hash("hash", "hash", job->hash);
  if (job->learns) {
    report_memory("memory", "trainer", &memory);
    report_integer("buffer_bytes", "buffer",
                   4 * loop_learn_buffer(l).capacity * loop_learn_buffer(l).width, "bytes");
    report_integer("buffer", "pairs in it", loop_learn_buffer(l).count, "");
  }
  report_end();
}

/* ---- after a concept ---- */

static void print_json_row(const loop_job *job, int32_t row) {
  json_integer("row", row);
  if (job->texts.count) json_text("text", texts_find(&job->texts, row));
}

static void print_json_found(const loop_job *job, const loop_found *found) {
  int32_t i;
  json_open("nearest", '[');
  for (i = 0; i < found->count; i++) {
    json_open(NULL, '{');
    print_json_row(job, found->row[i]);
    json_real("cosine", (double)found->score[i]);
    json_close('}');
  }
  json_close(']');
}

static void print_json(const loop_job *job, const loop_place *place, const loop_ahead *ahead,
                       int learned) {
  const loop_figures all = loop_stats_all(&job->meter), window = print_window(job);
  int64_t i;

  report_start(job->args);
  json_text("line", "concept");
  json_integer("concept", job->first + job->done - 1);
  json_open("context", '[');
  for (i = 0; i < job->stream.concepts; i++) {
    json_open(NULL, '{');
    print_json_row(job, place->context[i]);
    json_close('}');
  }
  json_close(']');
  print_json_found(job, &ahead->found);
  json_open("arrived", '{');
  print_json_row(job, place->target);
  json_real("cosine", ahead->cosine);
  json_integer("rank", ahead->found.rank);
  json_close('}');
  if (job->rollout > 1) json_open("rollout", '[');
  for (i = 1; i < job->rollout; i++) {
    json_open(NULL, '{');
    print_json_found(job, &ahead[i].found);
    if (ahead[i].truth >= 0) {
      json_open("arrives", '{');
      print_json_row(job, ahead[i].truth);
      json_real("cosine", ahead[i].cosine);
      json_integer("rank", ahead[i].found.rank);
      json_close('}');
    }
    json_close('}');
  }
  if (job->rollout > 1) json_close(']');
  if (learned) json_real("loss", (double)job->learner.loss);
  print_figures("so_far", NULL, &all);
  print_figures("window", NULL, &window);
  report_end();
}

static void print_rank(const loop_job *job, int64_t rank, char text[64]) {
  char number[FORMAT_NUMBER_BYTES], of[FORMAT_NUMBER_BYTES];
  if (rank)
    snprintf(text, 64, "rank %s of %s", format_number(rank, number),
             format_number(job->bank.count, of));
  else
    snprintf(text, 64, "not found");
}

void loop_print_concept(const loop_job *job, const loop_place *place, const loop_ahead *ahead,
                        int learned) {
  const loop_figures all = loop_stats_all(&job->meter), window = print_window(job);
  char text[4 * PRINT_COLUMNS + 8], rank[64];
  int64_t i, h;

  if (job->args->json) {
    print_json(job, place, ahead, learned);
    return;
  }
  printf("\n%lld\n", (long long)(job->first + job->done - 1));
  for (i = 0; i < job->stream.concepts; i++)
    printf("              %s\n", print_text(job, place->context[i], PRINT_COLUMNS - 14, text));
  for (i = 0; i < ahead->found.count; i++)
    printf("  %s %7.3f  %s\n", i ? " " : ">", (double)ahead->found.score[i],
           print_text(job, ahead->found.row[i], PRINT_COLUMNS - 14, text));
  print_rank(job, ahead->found.rank, rank);
  printf("  = %7.3f  %s\n              %s", ahead->cosine,
         print_text(job, place->target, PRINT_COLUMNS - 14, text), rank);
  if (learned) printf(", learned with loss %.4f", (double)job->learner.loss);
  printf("\n");
  for (h = 1; h < job->rollout; h++) {
    if (!ahead[h].found.count) continue;
    printf("  +%-2lld %6.3f  %s\n", (long long)h, (double)ahead[h].found.score[0],
           print_text(job, ahead[h].found.row[0], PRINT_COLUMNS - 13, text));
    if (ahead[h].truth < 0) continue;
    print_rank(job, ahead[h].found.rank, rank);
    printf("      %6.3f  comes: %s (%s)\n", ahead[h].cosine,
           print_text(job, ahead[h].truth, PRINT_COLUMNS - 48, text), rank);
  }
  printf("              R@5 %.3f  MRR %.3f, of the last %lld  R@5 %.3f  MRR %.3f\n", all.hit5,
         all.mrr, (long long)window.count, window.hit5, window.mrr);
  refuse_unprinted("the concept");
}

/* ---- at the end ---- */

void loop_print_end(const loop_job *job) {
  const loop_figures all = loop_stats_all(&job->meter), window = print_window(job);
  static const char *const outputs[][2] = {{"-o", "file"},
                                           {"--state", "state"},
                                           {"--store", "store"}};
  const loop_learner *l = &job->learner;
  uint8_t hash[LNSP_HASH_BYTES];
  char name[32];
  int64_t i;

  report_start(job->args);
  json_text("line", "end");
  report_print("\n%-18s concepts  cosine     R@1     R@5    R@10     MRR\n", "before learning");
  print_figures("so_far", "all", &all);
  print_figures("window", NULL, &window);
  json_open("parts", '[');
  for (i = 0; i < job->parts && job->parts > 1 && job->done >= job->parts; i++) {
    const int64_t from = job->done * i / job->parts, to = job->done * (i + 1) / job->parts;
    const loop_figures f = loop_stats_part(&job->meter, from, to - from);
    snprintf(name, sizeof name, "part %lld of %lld", (long long)i + 1, (long long)job->parts);
    print_figures(NULL, name, &f);
  }
  json_close(']');
  if (!json_wanted()) print_figures(NULL, "the last ones", &window);
  json_open("rollout", '[');
  for (i = 1; i < job->rollout; i++) {
    const loop_figures f = loop_stats_all(&job->ahead[i]);
    snprintf(name, sizeof name, "%lld ahead", (long long)i + 1);
    print_figures(NULL, f.count ? name : NULL, &f);
  }
  json_close(']');
  report_print("\n");
  if (job->interrupted)
    report_text("interrupted", "interrupted", "yes, after the concept it was at");
  report_integer("concepts", "concepts", job->done, "");
  if (!job->learns) {
    report_end();
    return;
  }
  report_integer("steps", "steps", l->steps, "");
  if (l->refused)
    report_integer("refused", "refused steps", l->refused, "with values that were not finite");
  report_real("loss_mean", "loss, mean", l->steps ? l->loss_sum / (double)l->steps : 0, "%.6g");
  report_integer("rehearsed", "past pairs a step", l->rehearse, "");
  report_integer("buffer", "pairs kept", loop_learn_buffer(l).count, "");
  if (!lnsp_trainer_hash(l->trainer, l->average ? LNSP_SAVE_AVERAGE : LNSP_SAVE_WEIGHTS, hash,
                         NULL))
    report_hash("hash", "hash", hash);
  for (i = 0; i < 3; i++)
    if (args_value(job->args, outputs[i][0]))
      report_text(outputs[i][1], outputs[i][1], args_value(job->args, outputs[i][0]));
  report_end();
}
