// Regions, the best of them, and its pixel, image by image. Mirrors activefreq/reference/select_click.py.
#include "core/select_click.h"

#include "cpu/error_regions.h"
#include "cpu/farthest_pixel.h"
#include "cpu/parallel.h"

namespace activefreq::AF_ISA {
namespace {

struct Click {
  Candidate at;
  bool positive = false;
  int32_t area = 0;
  float score = 0.f;
};

// The regions that are considered, or those that are too small as long as there is none else.
struct Ranking {
  int64_t count = 0, first = 0;  // first: y W + x of the best region's first pixel
  int32_t component = -1;
  int side = 0;
  float best = 0.f, worst = 0.f;

  void offer(float score, int64_t position, int32_t run, int c) {
    if (!count || score > best || (score == best && position < first)) {
      best = score, first = position, component = run, side = c;
    }
    worst = count ? std::min(worst, score) : score;
    ++count;
  }
  bool says_nothing() const { return count > 1 && best == worst; }
};

class Selector {
 public:
  ClickStatus operator()(const ImageView& image, const ClickRule& rule, int64_t seed, Click& click) {
    const ClickStatus status = regions_.read(image, rule);
    if (status != ClickStatus::done) return status;
    if (rule.strategy == Strategy::largest || regions_.nothing_predicted) {
      click = largest(image, rule);
      return status;
    }
    const Ranking ranking = rank(image, rule, seed);
    if (ranking.says_nothing())
      click = largest(image, rule);
    else if (ranking.count)
      click = within(ranking, image, rule);
    return status;
  }

 private:
  Ranking rank(const ImageView& image, const ClickRule& rule, int64_t seed) {
    const Statistics statistics = statistics_of(rule);
    Ranking large, small;
    for (int c = 0; c < 2; ++c) {
      const ErrorClass& errors = regions_.classes[c];
      const int32_t* row = errors.runs.row();
      int64_t y = 0;
      for (int32_t i = 0; i < errors.component_count; ++i) {
        const int32_t run = errors.components[i];
        if (!errors.eligible(run)) continue;
        while (row[y + 1] <= run) ++y;
        const int64_t first = y * image.width + errors.runs.begin()[run];
        const float score = rule.strategy == Strategy::random
                                ? random_score(seed, first)
                                : region_score(rule, errors.totals(run, statistics), c == 0);
        (errors.area[run] >= rule.min_area ? large : small).offer(score, first, run, c);
      }
    }
    return large.count ? large : small;
  }

  // The click within the winning region.
  Click within(const Ranking& ranking, const ImageView& image, const ClickRule& rule) {
    ErrorClass& errors = regions_.classes[ranking.side];
    const Spans spans = gather(errors, ranking.component, ranking.first / image.width, image.height);
    const bool positive = ranking.side == 0;
    const Candidate at = farthest_(spans, {image.prob, image.clicked, image.width, positive, rule.placement});
    return {at, positive, errors.area[ranking.component], ranking.best};
  }

  // The runs of one component, in rows from `top` on.
  Spans gather(ErrorClass& errors, int32_t component, int64_t top, int64_t height) {
    const int32_t *row = errors.runs.row(), *parent = errors.runs.parent();
    const int64_t most = row[height] - row[top];
    uint16_t *begin = begin_.of(most), *end = end_.of(most);
    int32_t *rows = row_.of(height - top + 1), count = 0, pixels = 0;
    int left = UINT16_MAX, right = 0;
    int64_t y = top;
    rows[0] = 0;
    for (; pixels < errors.area[component]; ++y) {
      for (int32_t run = row[y]; run < row[y + 1]; ++run) {
        if (parent[run] != component) continue;
        const int first = errors.runs.begin()[run], last = errors.runs.end()[run];
        begin[count] = static_cast<uint16_t>(first), end[count] = static_cast<uint16_t>(last), ++count;
        left = std::min(left, first), right = std::max(right, last), pixels += last - first + 1;
      }
      rows[y - top + 1] = count;
    }
    return {begin, end, rows, top, y - top, left, right - left + 1};
  }

  // The field's rule: both masks as wholes; a tie gives the negative click.
  Click largest(const ImageView& image, const ClickRule& rule) {
    Click clicks[2];
    for (int c = 0; c < 2; ++c) {
      ErrorClass& errors = regions_.classes[c];
      if (!errors.runs.count()) continue;
      const Spans spans = {errors.runs.begin(), errors.runs.end(), errors.runs.row(), 0, image.height, 0, image.width};
      clicks[c].at = farthest_(spans, {image.prob, image.clicked, image.width, c == 0, rule.placement});
    }
    const int c = clicks[0].at.key > clicks[1].at.key ? 0 : 1;
    Click& click = clicks[c];
    if (!click.at.key) return {};
    click.positive = c == 0;
    click.score = static_cast<float>(click.at.squared);
    ErrorClass& errors = regions_.classes[c];
    int32_t run = errors.runs.row()[click.at.y];
    while (errors.runs.end()[run] < click.at.x) ++run;
    click.area = errors.area[errors.runs.parent()[run]];
    return click;
  }

  ErrorRegions regions_;
  FarthestPixel farthest_;
  Buffer<uint16_t> begin_, end_;
  Buffer<int32_t> row_;
};

void select_image(const SelectClick& p, int64_t image) {
  thread_local Selector selector;
  const int64_t start = image * p.height * p.width;
  const ImageView view = {p.prob + start, p.target + start, p.clicked ? p.clicked + start : nullptr, p.height, p.width};
  Click click;
  p.status[image] = selector(view, p.rule, p.seed[image], click);
  p.y[image] = static_cast<int32_t>(click.at.y), p.x[image] = static_cast<int32_t>(click.at.x);
  p.positive[image] = click.positive, p.valid[image] = click.at.key != 0;
  p.area[image] = click.area, p.score[image] = click.score;
}

}  // namespace

void select_click(const SelectClick& p, int threads) {
  parallel_for(p.batch, 2 * p.height * p.width, threads, [&](int64_t image) { select_image(p, image); });
}

}  // namespace activefreq::AF_ISA
