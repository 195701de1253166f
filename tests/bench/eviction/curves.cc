// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/eviction/curves.h"

#include <cmath>
#include <iomanip>
#include <iterator>
#include <vector>

#include "tests/bench/eviction/contenders.h"

namespace entrepot::bench {
namespace {

constexpr double shares[] = {0.01, 0.02, 0.05, 0.10, 0.20};
constexpr int width = 940, height = 520;
constexpr int panel_width = 400, panel_height = 340, panel_top = 50;
constexpr int legend_top = panel_top + panel_height + 60;

/// One policy, with a score for each of the shares.
struct Curve {
  const Contender& contender;
  std::vector<Score> scores;
};

/// A diagram with its lower left corner and the part of a score that it shows.
struct Panel {
  const char* title;
  int left;
  double Score::*value;
};
constexpr Panel panels[] = {{"requests answered from the cache, %", 60, &Score::requests},
                            {"bytes sent from the cache, %", 520, &Score::bytes}};

double x_of(const Panel& panel, double share) {
  const double part =
      std::log(share / shares[0]) / std::log(shares[std::size(shares) - 1] / shares[0]);
  return panel.left + part * panel_width;
}

double y_of(double percent) { return panel_top + panel_height * (1 - percent / 100); }

struct Text {
  double x, y;
  const char* anchor;
  const char* more = "";  ///< further attributes
};

std::ostream& operator<<(std::ostream& out, const Text& text) {
  return out << "<text x=\"" << text.x << "\" y=\"" << text.y << "\" text-anchor=\"" << text.anchor
             << '"' << text.more << '>';
}

void draw_line(std::ostream& out, double x1, double y1, double x2, double y2, const char* more) {
  out << "<line x1=\"" << x1 << "\" y1=\"" << y1 << "\" x2=\"" << x2 << "\" y2=\"" << y2 << "\" "
      << more << "/>\n";
}

void draw_axes(std::ostream& out, const Panel& panel) {
  const char* const grid = "stroke=\"#dddddd\"";
  const double right = panel.left + panel_width, bottom = panel_top + panel_height;
  for (int percent = 0; percent <= 100; percent += 20) {
    draw_line(out, panel.left, y_of(percent), right, y_of(percent), grid);
    out << Text{panel.left - 8.0, y_of(percent) + 4, "end"} << percent << "</text>\n";
  }
  for (const double share : shares) {
    draw_line(out, x_of(panel, share), panel_top, x_of(panel, share), bottom, grid);
    out << Text{x_of(panel, share), bottom + 18, "middle"} << 100 * share << "</text>\n";
  }
  const double middle = panel.left + panel_width / 2.0;
  out << Text{middle, panel_top - 16, "middle", " font-weight=\"bold\""} << panel.title
      << "</text>\n";
  out << Text{middle, bottom + 38, "middle"} << "size of the cache, % of all bytes asked for"
      << "</text>\n";
}

std::ostream& stroke(std::ostream& out, const Contender& contender) {
  out << "fill=\"none\" stroke=\"" << contender.colour << "\" stroke-width=\""
      << (contender.kind == Contender::Kind::ours ? 5 : 1.8) << '"';
  if (contender.kind == Contender::Kind::offline) out << " stroke-dasharray=\"6 4\"";
  return out;
}

void draw_curve(std::ostream& out, const Panel& panel, const Curve& curve) {
  out << "<polyline points=\"";
  for (std::size_t i = 0; i < std::size(shares); ++i) {
    out << x_of(panel, shares[i]) << ',' << y_of(curve.scores[i].*panel.value) << ' ';
  }
  out << "\" ";
  stroke(out, curve.contender) << "/>\n";
}

void draw_legend(std::ostream& out, const std::vector<Curve>& curves) {
  for (std::size_t i = 0; i < curves.size(); ++i) {
    const std::size_t column = i / 3, row = i % 3;
    const double x = 60 + 290.0 * static_cast<double>(column);
    const double y = legend_top + 22.0 * static_cast<double>(row);
    out << "<path d=\"M" << x << ' ' << y << "h34\" ";
    stroke(out, curves[i].contender) << "/>\n";
    out << Text{x + 42, y + 4, "start"} << curves[i].contender.name << "</text>\n";
  }
}

std::vector<Curve> play_all(const Trace& trace) {
  std::vector<Curve> curves;
  for (const auto& contender : contenders()) {
    curves.push_back({contender, {}});
    for (const double share : shares) curves.back().scores.push_back(play(contender, trace, share));
  }
  return curves;
}

}  // namespace

void draw_curves(std::ostream& out, const Trace& trace) {
  const auto curves = play_all(trace);
  out << std::fixed << std::setprecision(0) << "<svg xmlns=\"http://www.w3.org/2000/svg\" "
      << "viewBox=\"0 0 " << width << ' ' << height
      << "\" font-family=\"sans-serif\" font-size=\"13\" fill=\"#222222\">\n"
      << "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n";
  for (const auto& panel : panels) {
    out << std::setprecision(0);
    draw_axes(out, panel);
    out << std::setprecision(1);
    // Our curve is broad and lies below, so that curves which coincide with it are seen as well.
    for (const bool ours : {true, false}) {
      for (const auto& curve : curves) {
        if ((curve.contender.kind == Contender::Kind::ours) == ours) draw_curve(out, panel, curve);
      }
    }
  }
  draw_legend(out, curves);
  out << "</svg>\n";
}

}  // namespace entrepot::bench
