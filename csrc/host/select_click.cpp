// The kernel bodies of select_click on the host, for tests.
#include "core/select_click_kernels.h"
#include "host/groups.h"

using namespace activefreq;
using namespace activefreq::AF_ISA;

namespace {

template <ClickStep kStep>
void run_step(const Run& run, const ClickImage& image) {
  run_group(run, [&](auto& group) { click_step<kStep>(group, image); });
}

// Every step a run of its own, as the grid takes them.
void step_by_step(const Run& run, const ClickImage& image) {
  *image.head() = ClickHead{};
  run_step<ClickStep::masks>(run, image);
  run_step<ClickStep::join>(run, image);
  run_step<ClickStep::number>(run, image);
  run_step<ClickStep::sum>(run, image);
  run_step<ClickStep::score>(run, image);
  run_step<ClickStep::coarse>(run, image);
  run_step<ClickStep::fine>(run, image);
  run_step<ClickStep::scan>(run, image);
  run_step<ClickStep::sweep>(run, image);
  if (weighted(image)) {
    run_step<ClickStep::first>(run, image);
    run_step<ClickStep::sweep_first>(run, image);
  }
  run_step<ClickStep::write>(run, image);
}

constexpr int32_t kEndless = INT32_MAX;  // patience

// `before`: what the workspace holds, which must not matter.
void run_call(const SelectClick& call, const Run& run, bool stepwise, int32_t patience, uint64_t before) {
  const ClickPlan sizes = click_plan(call, nullptr);
  std::vector<uint64_t> workspace(sizes.workspace_bytes() / 8 + 1, before);
  ClickPlan plan = click_plan(call, reinterpret_cast<char*>(workspace.data()));
  plan.patience = patience;
  for (int64_t i = 0; i < call.batch; ++i) {
    const ClickImage image(plan, i);
    if (stepwise)
      step_by_step(run, image);
    else
      run_group(run, [&](auto& group) { select_click(group, image); });
  }
}

}  // namespace

extern "C" void select_click(const float* prob, const int8_t* target, const uint8_t* clicked, const int64_t* seed,
                             int32_t* y, int32_t* x, uint8_t* positive, uint8_t* valid, int32_t* area, float* score,
                             int64_t batch, int64_t height, int64_t width, int64_t strategy, int64_t reading,
                             int64_t placement, int64_t connectivity, int64_t min_area, const double* numbers,
                             const Run* run, int64_t stepwise, int64_t patience) {
  const ClickRule rule = {static_cast<Strategy>(strategy),   static_cast<Reading>(reading),
                          static_cast<Placement>(placement), static_cast<int32_t>(connectivity),
                          static_cast<float>(numbers[0]),    static_cast<float>(numbers[1]),
                          static_cast<int32_t>(min_area),    {numbers[2], numbers[3], numbers[4]}};
  run_call({prob, target, clicked, seed, y, x, positive, valid, area, score, nullptr, batch, height, width, rule}, *run,
           stepwise != 0, static_cast<int32_t>(patience), 0xabababababababab);
}

namespace {

struct Answer {
  int32_t y = -7, x = -7, area = -7;
  uint8_t positive = 7, valid = 7;
  float score = -7.f;
  bool operator==(const Answer& other) const {
    return y == other.y && x == other.x && area == other.area && positive == other.positive && valid == other.valid &&
           score == other.score;
  }
};

struct Scene {
  int height, width;
  std::vector<float> prob;
  std::vector<int8_t> target;
  std::vector<uint8_t> clicked;

  // grain: errors come in squares of this side; one of `rare` squares is an error
  Scene(int height, int width, int grain, unsigned rare, unsigned seed) : height(height), width(width) {
    std::mt19937 random(seed);
    std::vector<uint8_t> wrong(height * width);
    for (auto& one : wrong) one = random() % rare == 0;
    for (int i = 0; i < height * width; ++i) {
      const bool object = (i / width / 16 + i % width / 16) % 2;
      const bool error = wrong[i / width / grain * grain * width + i % width / grain * grain];
      target.push_back(random() % 50 ? object : -1);
      prob.push_back((static_cast<float>(random() % 1000) / 1000.f + (object != error)) / 2.f);
      clicked.push_back(random() % 20 == 0);
    }
  }
  Answer answer(const ClickRule& rule, const Run& run, int32_t patience, uint64_t before) {
    Answer a;
    const int64_t seed = 3;
    run_call({prob.data(), target.data(), clicked.data(), &seed, &a.y, &a.x, &a.positive, &a.valid, &a.area, &a.score,
              nullptr, 1, height, width, rule},
             run, false, patience, before);
    return a;
  }
};

}  // namespace

// Clicks on which a run differs from a group of one.
extern "C" int32_t differences(const Run* run) {
  const Run alone = {Kind::alone, 1, 0, kNoSync};
  const ClickRule error = {Strategy::acselect, Reading::error_sum, Placement::distance, 8, .5f, 1e-6f, 1,
                           {.35, .35, .3}};
  const ClickRule literal = {Strategy::acselect, Reading::literal, Placement::distance_error, 4, .5f, 1e-2f, 3,
                             {.35, .35, .3}};
  const ClickRule largest = {Strategy::largest, Reading::error_sum, Placement::distance, 8, .5f, 1e-6f, 1, {0, 0, 0}};
  const ClickRule weighted = {Strategy::largest, Reading::error_sum, Placement::distance_entropy, 8, .5f, 1e-6f, 1,
                              {0, 0, 0}};
  int32_t count = 0;
  for (unsigned seed = 0; seed < 3; ++seed) {
    Scene scenes[] = {Scene(30, 70, 1, 3, seed), Scene(60, 97, 7, 3, seed), Scene(71, 66, 33, 2, seed)};
    for (Scene& scene : scenes)
      for (const ClickRule& rule : {error, literal, largest, weighted})
        for (const int32_t patience : {kEndless, 2, -1}) {
          const uint64_t before = seed == 2 ? ~uint64_t{0} : 0;
          count += !(scene.answer(rule, *run, patience, before) == scene.answer(rule, alone, kEndless, 0));
        }
  }
  return count;
}

// Runs that do not point at their root once regions are numbered, from chains as long as joins may leave them.
extern "C" int32_t loose_ends(const Run* run) {
  constexpr int kHeight = 24, kWidth = 64, kPixels = kHeight * kWidth;
  std::mt19937 random(run->seed);
  const std::vector<float> prob(kPixels, 0.f);
  std::vector<int8_t> target(kPixels);
  for (int i = 0; i < kPixels; i += 2) target[i] = 1;  // every other pixel a run of its own
  SelectClick call = {};
  call.prob = prob.data(), call.target = target.data();
  call.batch = 1, call.height = kHeight, call.width = kWidth;
  call.rule = {Strategy::acselect, Reading::error_sum, Placement::distance, 8, .5f, 1e-6f, 1, {.35, .35, .3}};
  std::vector<uint64_t> workspace(click_plan(call, nullptr).workspace_bytes() / 8 + 1);
  const ClickPlan plan = click_plan(call, reinterpret_cast<char*>(workspace.data()));
  const ClickImage image(plan, 0);
  const Run alone = {Kind::alone, 1, 0, kNoSync};
  run_step<ClickStep::masks>(alone, image);
  chain_together(image.parent(), kPixels, 2, random);
  run_step<ClickStep::number>(*run, image);
  int32_t count = image.parent()[0] >= 0;
  for (int i = 2; i < kPixels; i += 2) count += image.parent()[i] != 0;
  return count;
}

#include "host/race_main.h"
