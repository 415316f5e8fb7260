/* Draws the learning curves: axes, grid, both lines, a legend, their ends. */
#include "curve.h"

#include <math.h>
#include <stdio.h>

#define LEFT 72.0
#define RIGHT 600.0
#define TOP 96.0
#define BOTTOM 372.0
#define WIDTH 760
#define HEIGHT 440

typedef struct axis {
  double low, high, tick;
} axis;

/* A step of 1, 2, 2.5 or 5 times a power of ten that gives some five ticks. */
static axis axis_over(double low, double high) {
  static const double nice[] = {1, 2, 2.5, 5, 10};
  const double raw = (high - low > 1e-9 ? high - low : 1e-3) / 5;
  const double power = pow(10, floor(log10(raw)));
  axis a;
  int i = 0;

  while (i < 4 && nice[i] * power < raw) i++;
  a.tick = nice[i] * power;
  a.low = floor(low / a.tick) * a.tick;
  a.high = ceil(high / a.tick) * a.tick;
  return a;
}

static double across(const axis *x, double value) {
  return LEFT + (RIGHT - LEFT) * (value - x->low) / (x->high - x->low);
}

static double up(const axis *y, double value) {
  return BOTTOM - (BOTTOM - TOP) * (value - y->low) / (y->high - y->low);
}

static void write_axes(FILE *f, const axis *x, const axis *y) {
  const int places = y->tick < .0099 ? 3 : 2;
  int i;

  for (i = 0; y->low + i * y->tick < y->high + y->tick / 2; i++) {
    const double value = y->low + i * y->tick;
    fprintf(f, "<line x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f' stroke='#e3e3e3'/>\n", LEFT,
            RIGHT, up(y, value), up(y, value));
    fprintf(f, "<text x='%.1f' y='%.1f' text-anchor='end'>%.*f</text>\n", LEFT - 8,
            up(y, value) + 4, places, value);
  }
  for (i = 0; x->low + i * x->tick <= x->high * 1.0001; i++) {
    const double value = x->low + i * x->tick;
    fprintf(f, "<line x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f' stroke='#888'/>\n",
            across(x, value), across(x, value), BOTTOM, BOTTOM + 5);
    fprintf(f, "<text x='%.1f' y='%.1f' text-anchor='middle'>%.0f</text>\n", across(x, value),
            BOTTOM + 20, value);
  }
  fprintf(f, "<line x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f' stroke='#888'/>\n", LEFT, RIGHT,
          BOTTOM, BOTTOM);
  fprintf(f, "<text x='%.1f' y='%.1f' text-anchor='middle'>steps (one vector each)</text>\n",
          (LEFT + RIGHT) / 2, BOTTOM + 44);
  fprintf(f,
          "<text transform='translate(22 %.1f) rotate(-90)' text-anchor='middle'>"
          "held-out cosine</text>\n",
          (TOP + BOTTOM) / 2);
}

static void write_line(FILE *f, const curve *c, const double *value, const axis *x,
                       const axis *y, const char *colour, const char *dash) {
  int i;
  fprintf(f,
          "<polyline fill='none' stroke='%s' stroke-width='2.5' stroke-linejoin='round'%s "
          "points='",
          colour, dash);
  for (i = 0; i < c->count; i++)
    fprintf(f, "%.1f,%.1f ", across(x, c->step[i]), up(y, value[i]));
  fprintf(f, "'/>\n");
  for (i = 0; i < c->count; i++)
    fprintf(f, "<circle cx='%.1f' cy='%.1f' r='3' fill='%s'/>\n", across(x, c->step[i]),
            up(y, value[i]), colour);
}

/* Names of the lines beside their ends, moved apart where they would touch. */
static void write_ends(FILE *f, const curve *c, const axis *x, const axis *y,
                       const char *fresh_colour, const char *old_colour) {
  const int last = c->count - 1;
  const double at = across(x, c->step[last]) + 12;
  double fresh = up(y, c->fresh[last]), old = up(y, c->old[last]);

  if (fabs(fresh - old) < 40) {
    const double middle = (fresh + old) / 2, side = fresh < old ? -20 : 20;
    fresh = middle + side;
    old = middle - side;
  }
  fprintf(f, "<text x='%.1f' y='%.1f' fill='%s' font-weight='bold'>new domain</text>\n", at,
          fresh - 2, fresh_colour);
  fprintf(f, "<text x='%.1f' y='%.1f' fill='%s'>%.4f (%+.4f)</text>\n", at, fresh + 14,
          fresh_colour, c->fresh[last], c->fresh[last] - c->fresh[0]);
  fprintf(f, "<text x='%.1f' y='%.1f' fill='%s' font-weight='bold'>old domain</text>\n", at,
          old - 2, old_colour);
  fprintf(f, "<text x='%.1f' y='%.1f' fill='%s'>%.4f (%+.4f)</text>\n", at, old + 14,
          old_colour, c->old[last], c->old[last] - c->old[0]);
}

static void write_legend(FILE *f, const char *fresh_colour, const char *old_colour,
                         const char *dash) {
  fprintf(f,
          "<line x1='%.1f' x2='%.1f' y1='76' y2='76' stroke='%s' stroke-width='2.5'/>"
          "<text x='%.1f' y='80'>sentences of the manual (new)</text>\n",
          LEFT, LEFT + 26, fresh_colour, LEFT + 34);
  fprintf(f,
          "<line x1='%.1f' x2='%.1f' y1='76' y2='76' stroke='%s' stroke-width='2.5'%s/>"
          "<text x='%.1f' y='80'>WordNet definitions (old)</text>\n",
          LEFT + 250, LEFT + 276, old_colour, dash, LEFT + 284);
}

int curve_write(const curve *c, const char *path) {
  const char *fresh_colour = "#1f5fa8", *old_colour = "#c05a10";
  const char *dash = " stroke-dasharray='7 4'";
  double low = c->fresh[0], high = c->fresh[0];
  axis x, y;
  FILE *f = fopen(path, "w");
  int i;

  if (!f) return -1;
  for (i = 0; i < c->count; i++) {
    low = fmin(low, fmin(c->fresh[i], c->old[i]));
    high = fmax(high, fmax(c->fresh[i], c->old[i]));
  }
  y = axis_over(low, high);
  x = axis_over(0, c->step[c->count - 1]);
  x.high = c->step[c->count - 1] > 0 ? c->step[c->count - 1] : 1;
  fprintf(f,
          "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' "
          "viewBox='0 0 %d %d' font-family='sans-serif' font-size='13' fill='#333'>\n",
          WIDTH, HEIGHT, WIDTH, HEIGHT);
  fprintf(f, "<rect width='%d' height='%d' fill='white'/>\n", WIDTH, HEIGHT);
  fprintf(f, "<text x='%.1f' y='30' font-size='18' font-weight='bold' fill='#111'>%s</text>\n",
          LEFT, c->title);
  fprintf(f, "<text x='%.1f' y='52'>%s</text>\n", LEFT, c->subtitle);
  write_axes(f, &x, &y);
  write_line(f, c, c->old, &x, &y, old_colour, dash);
  write_line(f, c, c->fresh, &x, &y, fresh_colour, "");
  write_legend(f, fresh_colour, old_colour, dash);
  write_ends(f, c, &x, &y, fresh_colour, old_colour);
  fprintf(f, "</svg>\n");
  i = ferror(f);
  return fclose(f) || i ? -1 : 0;
}
