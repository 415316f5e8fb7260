/* A device in memory for tests of stores: counts erases, fails on demand. */
#ifndef TESTS_STORE_DEVICE_H
#define TESTS_STORE_DEVICE_H

#include "support.h"

typedef struct store_device {
  uint8_t *bytes;
  uint64_t size;
  uint32_t erase, unit;
  uint32_t *erases;
  int calls, fail_at, fail_all; /* fail_at: of the call number, 1-based */
  int half;                     /* what fails is done by half */
  int wrong;                    /* programmed over what is not erased */
} store_device;

static int store_device_fails(store_device *d) {
  d->calls++;
  return d->fail_at && (d->fail_all ? d->calls >= d->fail_at : d->calls == d->fail_at);
}
static int32_t store_device_read(void *user, uint64_t offset, void *to, size_t bytes) {
  store_device *d = user;
  if (offset > d->size || bytes > d->size - offset) abort();
  const int fails = store_device_fails(d);
  if (!fails || d->half) memcpy(to, d->bytes + offset, fails ? bytes / 2 : bytes);
  return fails;
}
static int32_t store_device_prog(void *user, uint64_t offset, const void *from, size_t bytes) {
  store_device *d = user;
  if (offset > d->size || bytes > d->size - offset || offset % d->unit || bytes % d->unit)
    abort();
  const int fails = store_device_fails(d);
  for (size_t i = 0; i < bytes; i++) d->wrong += d->bytes[offset + i] != 0xFF;
  if (!fails || d->half) memcpy(d->bytes + offset, from, fails ? bytes / 2 : bytes);
  return fails;
}
static int32_t store_device_erase(void *user, uint64_t offset) {
  store_device *d = user;
  if (offset >= d->size || offset % d->erase) abort();
  const int fails = store_device_fails(d);
  if (!fails || d->half) memset(d->bytes + offset, 0xFF, fails ? d->erase / 2 : d->erase);
  d->erases[offset / d->erase]++;
  return fails;
}
static int32_t store_device_sync(void *user) { return store_device_fails(user); }

static lnsp_device store_device_open(store_device *d, uint64_t size, uint32_t erase,
                                     uint32_t unit) {
  lnsp_device device = LNSP_DEVICE_INIT;
  memset(d, 0, sizeof *d);
  d->bytes = malloc(size);
  memset(d->bytes, 0x5A, size);
  d->size = size;
  d->erase = erase;
  d->unit = unit;
  d->erases = calloc(size / erase + 1, sizeof *d->erases);
  device.erase_bytes = erase;
  device.program_bytes = unit;
  device.size_bytes = size;
  device.user = d;
  device.read = store_device_read;
  device.program = store_device_prog;
  device.erase = store_device_erase;
  device.sync = store_device_sync;
  return device;
}

static void store_device_close(store_device *d) {
  free(d->bytes);
  free(d->erases);
}

#endif
