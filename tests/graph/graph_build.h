/* Building a graph in exactly the bytes that were measured, for tests. */
#ifndef TESTS_GRAPH_BUILD_H
#define TESTS_GRAPH_BUILD_H

#include "check.h"

#include "graph/graph.h"

#define CANARY 0xa5

static lnsp_error error;

/* In exactly the measured bytes, with canaries behind; memory is the caller's. */
static lnsp_graph *build(const char *text, const lnspi_shapes *shapes, void **memory) {
  uint64_t bytes = 0;
  lnsp_graph *graph = NULL;
  *memory = NULL;
  memset(&error, 0, sizeof error);
  if (lnspi_graph_measure(text, shapes, &bytes, &error) != LNSP_OK) return NULL;
  CHECK(bytes > 0 && bytes % 64 == 0);
  *memory = aligned_alloc(64, bytes + 64);
  memset(*memory, CANARY, bytes + 64);
  if (lnspi_graph_build(text, shapes, *memory, bytes, &graph, &error) != LNSP_OK)
    CHECK(graph == NULL);
  for (int i = 0; i < 64; i++) CHECK(((unsigned char *)*memory)[bytes + (uint64_t)i] == CANARY);
  if (graph) CHECK(graph->bytes <= bytes);
  return graph;
}

static inline lnsp_graph *build_well(const char *text, void **memory) {
  lnsp_graph *graph = build(text, NULL, memory);
  CHECK_SAY(graph != NULL, "%s: %s", text, error.message);
  if (!graph) exit(1);
  return graph;
}

#endif
