/* A simulated device: flash that keeps to the rules of NOR (a unit is programmed once
 * between two erases), with or without a cache in front of it, and what a power cut does
 * to what was not synced. */
#ifndef STORE_SIM_FLASH_H
#define STORE_SIM_FLASH_H

#include <stdint.h>
#include <string.h>

#include "lnsp.h"

#define FLASH_BYTES 16384
#define FLASH_UNITS (FLASH_BYTES / 4) /* of the smallest program unit there is here */

enum { FLASH_RAW, FLASH_CACHED }; /* raw: what was called is done, but for the last call */

typedef struct flash {
  uint32_t size, erase, unit;
  int mode;
  uint64_t random;
  uint8_t now[FLASH_BYTES], durable[FLASH_BYTES];
  /* a unit: programmed since its erase, as the callers see it and as it lies on the
   * device; and what waits: the number of the call + 1, or 0 */
  uint8_t used[FLASH_UNITS], used_durable[FLASH_UNITS];
  uint32_t waits[FLASH_UNITS];
  uint32_t calls;
  uint32_t erases[FLASH_BYTES / 256];
  int violations;        /* of the rules of NOR */
  int dead;              /* after a cut: everything fails */
  int fail_sync;         /* the next sync fails */
  int cut_in;            /* >0: this many more writes, and the power is cut */
  /* seen before each write, with what it is about to do */
  void (*watch)(void *user, struct flash *f);
  void *user;
} flash;

static uint64_t flash_random(flash *f) {
  uint64_t z = (f->random += UINT64_C(0x9E3779B97F4A7C15));
  z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
  return z ^ (z >> 31);
}
static uint32_t flash_below(flash *f, uint32_t n) {
  return (uint32_t)(flash_random(f) >> 33) % n;
}

static void flash_start(flash *f, uint32_t size, uint32_t erase, uint32_t unit, int mode,
                        uint64_t seed) {
  memset(f, 0, sizeof *f);
  f->size = size;
  f->erase = erase;
  f->unit = unit;
  f->mode = mode;
  f->random = seed;
  for (uint32_t i = 0; i < size; i++) f->now[i] = f->durable[i] = (uint8_t)flash_random(f);
  memset(f->used, 1, sizeof f->used);
  memset(f->used_durable, 1, sizeof f->used_durable);
}

static int flash_erased(const uint8_t *bytes, uint32_t n) {
  while (n && bytes[n - 1] == 0xFF) n--;
  return n == 0;
}

/* One unit, as a cut leaves it. how: 0 done, 1 not, 2 torn, 3 any bits, 4 half erased, and
 * looks erased. */
static void flash_settle_unit(flash *f, uint32_t u, uint32_t how) {
  uint8_t *to = f->durable + u * f->unit;
  const uint8_t *from = f->now + u * f->unit;
  f->waits[u] = 0;
  if (how == 4 && f->used[u]) how = 1;
  if (how == 1) return;
  f->used_durable[u] = 1; /* whatever it reads as */
  if (how == 2) {
    memcpy(to, from, flash_below(f, f->unit));
  } else if (how == 3) {
    for (uint32_t i = 0; i < f->unit; i++) to[i] = (uint8_t)flash_random(f);
  } else if (how == 4) {
    memset(to, 0xFF, f->unit); /* half erased, and reads as if it were */
  } else {
    memcpy(to, from, f->unit);
    f->used_durable[u] = f->used[u];
  }
  /* a half programmed unit that reads as erased may be programmed again; a half erased one
   * may not, except behind a cache, where there are no cells */
  if (how && (f->used[u] || f->mode == FLASH_CACHED))
    f->used_durable[u] = !flash_erased(to, f->unit);
}

/* The power fails: of what waits, some is done. Afterwards what lies on the device is what
 * is read. */
static void flash_cut(flash *f) {
  const uint32_t units = f->size / f->unit, style = flash_below(f, 8);
  const uint32_t until = flash_below(f, f->calls + 2);
  for (uint32_t u = 0; u < units; u++) {
    if (!f->waits[u]) continue;
    uint32_t how;
    if (f->mode == FLASH_RAW) /* only the last call is in doubt */
      how = f->waits[u] <= f->calls ? 0 : flash_below(f, 5);
    else if (style == 0)
      how = 1;
    else if (style == 1) /* in order up to some call */
      how = f->waits[u] < until ? 0 : f->waits[u] == until ? flash_below(f, 5) : 1;
    else if (style == 2)
      how = flash_below(f, 2);
    else if (style == 3)
      how = flash_below(f, 8) ? 0 : 1 + flash_below(f, 4);
    else if (style == 4)
      how = flash_below(f, 16) ? 1 : 0;
    else if (style == 5)
      how = f->waits[u] > until ? 0 : flash_below(f, 5);
    else
      how = flash_below(f, 5);
    flash_settle_unit(f, u, how);
  }
  memcpy(f->now, f->durable, f->size);
  memcpy(f->used, f->used_durable, units);
  memset(f->waits, 0, units * sizeof *f->waits);
  f->calls = 0;
}

/* For flash without a cache: what an earlier call did is done. */
static void flash_call(flash *f) {
  if (f->mode == FLASH_RAW) {
    for (uint32_t u = 0; u < f->size / f->unit; u++)
      if (f->waits[u]) flash_settle_unit(f, u, 0);
    f->calls = 0;
  } else {
    f->calls++;
  }
}

static int flash_power(flash *f) {
  if (f->dead) return 0;
  if (f->watch) f->watch(f->user, f);
  if (f->cut_in && !--f->cut_in) {
    flash_cut(f);
    f->dead = 1;
    return 0;
  }
  return 1;
}

static int32_t flash_read(void *user, uint64_t offset, void *to, size_t bytes) {
  flash *f = user;
  if (f->dead) return 1;
  if (offset > f->size || bytes > f->size - offset) {
    f->violations++;
    return 1;
  }
  memcpy(to, f->now + offset, bytes);
  return 0;
}

static int32_t flash_prog(void *user, uint64_t offset, const void *from, size_t bytes) {
  flash *f = user;
  if (f->dead) return 1;
  if (offset % f->unit || bytes % f->unit || offset > f->size || bytes > f->size - offset) {
    f->violations++;
    return 1;
  }
  flash_call(f);
  const uint32_t first = (uint32_t)offset / f->unit, count = (uint32_t)bytes / f->unit;
  /* without a cache the units are programmed one after the other: those before the one
   * that a cut hits are done */
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t u = first + i;
    if (f->used[u]) f->violations++;
    memcpy(f->now + u * f->unit, (const uint8_t *)from + i * f->unit, f->unit);
    f->used[u] = !flash_erased(f->now + u * f->unit, f->unit); /* all ones: nothing is done */
    f->waits[u] = f->calls + 1;
    if (f->mode == FLASH_RAW) {
      /* every unit would do, but a watch costs time */
      if (i + 1 == count || flash_below(f, 4) == 0)
        if (!flash_power(f)) return 1;
      if (i + 1 < count) flash_settle_unit(f, u, 0);
    }
  }
  return f->mode == FLASH_RAW || flash_power(f) ? 0 : 1;
}

static int32_t flash_erase(void *user, uint64_t offset) {
  flash *f = user;
  if (f->dead) return 1;
  if (offset % f->erase || offset + f->erase > f->size) {
    f->violations++;
    return 1;
  }
  flash_call(f);
  f->erases[offset / f->erase]++;
  for (uint32_t u = (uint32_t)offset / f->unit; u < (offset + f->erase) / f->unit; u++) {
    f->used[u] = 0;
    f->waits[u] = f->calls + 1;
  }
  memset(f->now + offset, 0xFF, f->erase);
  return flash_power(f) ? 0 : 1;
}

static int32_t flash_sync(void *user) {
  flash *f = user;
  if (!flash_power(f)) return 1;
  if (f->fail_sync) { /* what was not written is gone, also from the cache */
    f->fail_sync = 0;
    flash_cut(f);
    return 1;
  }
  for (uint32_t u = 0; u < f->size / f->unit; u++)
    if (f->waits[u]) flash_settle_unit(f, u, 0);
  f->calls = 0;
  return 0;
}

static lnsp_device flash_device(flash *f) {
  lnsp_device device = LNSP_DEVICE_INIT;
  device.erase_bytes = f->erase;
  device.program_bytes = f->unit;
  device.size_bytes = f->size;
  device.user = f;
  device.read = flash_read;
  device.program = flash_prog;
  device.erase = flash_erase;
  device.sync = flash_sync;
  return device;
}

#endif
