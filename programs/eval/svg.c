/* A chart of lines as SVG: axes with round numbers, a legend, nothing else needed. */
#include "eval/svg.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/refuse.h"

#define SVG_WIDTH 720
#define SVG_HEIGHT 400
#define SVG_LEFT 70
#define SVG_RIGHT 190 /* the legend's */
#define SVG_TOP 40
#define SVG_BOTTOM 55

/* Colours that people of all sights can tell apart (Okabe and Ito, 2008). */
static const char *const svg_colours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                          "#e69f00", "#56b4e9", "#555555", "#a08000"};

typedef struct svg_axis {
  double low, high, step;
  int log;
} svg_axis;

static void svg_text(FILE *out, const char *text) {
  for (; *text; text++)
    if (*text == '<' || *text == '>' || *text == '&')
      fprintf(out, "&#%d;", *text);
    else if ((unsigned char)*text >= 0x20)
      fputc(*text, out);
}

static svg_axis svg_fit(const svg_chart *c, int y) {
  svg_axis axis = {INFINITY, -INFINITY, 1, !y && c->log_x};
  double rough, power;
  int i, l;

  for (l = 0; l < c->line_count; l++)
    for (i = 0; i < c->line[l].count; i++) {
      const double v = y ? c->line[l].y[i] : c->line[l].x[i];
      if (isfinite(v)) {
        axis.low = fmin(axis.low, v);
        axis.high = fmax(axis.high, v);
      }
    }
  if (axis.low > axis.high) axis.low = 0, axis.high = 1;
  if (axis.high - axis.low < 1e-9) axis.low -= .5, axis.high += .5;
  if (axis.log) return axis;
  rough = (axis.high - axis.low) / 6; /* about 6 steps of 1, 2 or 5 times a power of ten */
  power = pow(10, floor(log10(rough)));
  axis.step = power * (rough / power > 5   ? 10
                       : rough / power > 2 ? 5
                       : rough / power > 1 ? 2
                                           : 1);
  if (y) {
    axis.low = axis.step * floor(axis.low / axis.step + 1e-9);
    axis.high = axis.step * ceil(axis.high / axis.step - 1e-9);
  }
  return axis;
}

static double svg_share(const svg_axis *axis, double v) {
  return axis->log ? log(v / axis->low) / log(axis->high / axis->low)
                   : (v - axis->low) / (axis->high - axis->low);
}

static double svg_x(const svg_axis *axis, double v) {
  return SVG_LEFT + svg_share(axis, v) * (SVG_WIDTH - SVG_LEFT - SVG_RIGHT);
}

static double svg_y(const svg_axis *axis, double v) {
  return SVG_HEIGHT - SVG_BOTTOM - svg_share(axis, v) * (SVG_HEIGHT - SVG_TOP - SVG_BOTTOM);
}

static void svg_tick_x(FILE *out, const svg_axis *axis, double v) {
  const double x = svg_x(axis, v);
  fprintf(out,
          "<path d='M%.1f %dV%d' stroke='#ddd'/>"
          "<text x='%.1f' y='%d' text-anchor='middle'>%g</text>\n",
          x, SVG_TOP, SVG_HEIGHT - SVG_BOTTOM, x, SVG_HEIGHT - SVG_BOTTOM + 18, v);
}

static void svg_axes(FILE *out, const svg_chart *c, const svg_axis *x, const svg_axis *y) {
  double v;
  int i;

  for (v = y->low; v <= y->high + y->step / 2; v += y->step)
    fprintf(out,
            "<path d='M%d %.1fH%d' stroke='#ddd'/>"
            "<text x='%d' y='%.1f' text-anchor='end'>%g</text>\n",
            SVG_LEFT, svg_y(y, v), SVG_WIDTH - SVG_RIGHT, SVG_LEFT - 6, svg_y(y, v) + 4,
            fabs(v) < y->step / 2 ? 0 : v);
  if (x->log)
    for (v = pow(10, floor(log10(x->low) + 1e-9)); v <= x->high * (1 + 1e-9); v *= 10)
      for (i = 0; i < 3; i++) {
        const double tick = v * (i == 0 ? 1 : i == 1 ? 2 : 5);
        if (tick >= x->low * (1 - 1e-9) && tick <= x->high * (1 + 1e-9))
          svg_tick_x(out, x, tick);
      }
  else
    for (v = x->step * ceil(x->low / x->step - 1e-9); v <= x->high + x->step * 1e-6;
         v += x->step)
      svg_tick_x(out, x, fabs(v) < x->step / 2 ? 0 : v);
  fprintf(out, "<path d='M%d %dV%dH%d' fill='none' stroke='#333'/>\n", SVG_LEFT, SVG_TOP,
          SVG_HEIGHT - SVG_BOTTOM, SVG_WIDTH - SVG_RIGHT);
  fprintf(out, "<text x='%d' y='20' font-size='15' font-weight='bold'>", SVG_LEFT);
  svg_text(out, c->title);
  fprintf(out, "</text>\n<text x='%d' y='%d' text-anchor='middle'>",
          (SVG_LEFT + SVG_WIDTH - SVG_RIGHT) / 2, SVG_HEIGHT - 14);
  svg_text(out, c->x_label);
  fprintf(out,
          "</text>\n<text transform='translate(18 %d) rotate(-90)' "
          "text-anchor='middle'>",
          (SVG_TOP + SVG_HEIGHT - SVG_BOTTOM) / 2);
  svg_text(out, c->y_label);
  fprintf(out, "</text>\n");
}

/* A line, its points where they are few, and its name in the legend. */
static void svg_line_write(FILE *out, const svg_line *line, int number, const svg_axis *x,
                           const svg_axis *y) {
  const char *colour = svg_colours[number % 8];
  const double top = SVG_TOP + 8 + 20 * number;
  int k, pen = 0;

  fprintf(out, "<path fill='none' stroke='%s' stroke-width='2' stroke-dasharray='%s' d='",
          colour, number < 8 ? "none" : "6 3");
  for (k = 0; k < line->count; k++) {
    const int there = isfinite(line->y[k]) && isfinite(line->x[k]);
    if (there)
      fprintf(out, "%s%.1f %.1f", pen ? "L" : "M", svg_x(x, line->x[k]), svg_y(y, line->y[k]));
    pen = there;
  }
  fprintf(out, "'/>\n");
  for (k = 0; k < line->count && line->count <= 24; k++)
    if (isfinite(line->y[k]) && isfinite(line->x[k]))
      fprintf(out, "<circle cx='%.1f' cy='%.1f' r='3' fill='%s'/>\n", svg_x(x, line->x[k]),
              svg_y(y, line->y[k]), colour);
  fprintf(out, "<path d='M%d %.1fh18' stroke='%s' stroke-width='2'/><text x='%d' y='%.1f'>",
          SVG_WIDTH - SVG_RIGHT + 12, top, colour, SVG_WIDTH - SVG_RIGHT + 36, top + 4);
  svg_text(out, line->name);
  fprintf(out, "</text>\n");
}

void svg_write(const char *path, const svg_chart *charts, int count) {
  FILE *out = fopen(path, "w");
  int i, l, failed;

  if (!out)
    refuse("--svg '%s' cannot be written: %s; choose another place", path, strerror(errno));
  fprintf(out,
          "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %d %d' "
          "font-family='sans-serif' font-size='12'>\n<rect width='%d' height='%d' "
          "fill='#fff'/>\n",
          SVG_WIDTH, SVG_HEIGHT * count, SVG_WIDTH, SVG_HEIGHT * count);
  for (i = 0; i < count; i++) {
    const svg_axis x = svg_fit(&charts[i], 0), y = svg_fit(&charts[i], 1);
    fprintf(out, "<g transform='translate(0 %d)'>\n", i * SVG_HEIGHT);
    svg_axes(out, &charts[i], &x, &y);
    for (l = 0; l < charts[i].line_count; l++)
      svg_line_write(out, &charts[i].line[l], l, &x, &y);
    fprintf(out, "</g>\n");
  }
  fprintf(out, "</svg>\n");
  failed = ferror(out);
  failed = fclose(out) || failed;
  if (failed) remove(path);
  if (failed)
    refuse("--svg '%s' could not be written to its end: make room, or choose another place",
           path);
}
