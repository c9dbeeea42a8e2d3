// Sorting without ever holding the core for long: rows are collected into runs of a few thousand, each sorted
// when it is full; the runs are then merged through a heap, one row per next(). With a limit only the rows
// that can still be among the first are kept: whenever twice as many have gathered, the rest is dropped.
#include <algorithm>
#include <memory>

#include "adapter/exec/operators.h"

namespace gyre::adapter::exec {
namespace {

constexpr std::size_t kRunRows = 4096;
constexpr std::int64_t kLargestTop = 10'000;  // above, keeping all rows is as good

class Sort : public Operator {
 public:
  Sort(const physical::Sort& node, State& state)
      : Operator(state),
        node_(node),
        input_(make_operator(node.input(), state)),
        rows_(std::make_unique<RowStore>(state, node.columns)),
        evaluator_(state) {}

  void open() override {
    input_->open();
    rows_->clear();
    runs_.clear();
    sorted_rows_ = 0;
    collected_ = false;
    top_ = 0;
    if (!node_.limit) return;
    const RowCounts counts = row_counts(node_.limit.get(), node_.offset.get(), evaluator_);
    if (counts.limit >= 0 && counts.limit <= kLargestTop && counts.offset <= kLargestTop)
      top_ = static_cast<std::size_t>(counts.limit + counts.offset) + 1;
  }

  Step next(TimeSlice& slice) override {
    while (!collected_) {
      const Step step = input_->next(slice);
      if (step == Step::yield) return step;
      if (step == Step::end) {
        finish();
        break;
      }
      rows_->add(input_->row());
      if (rows_->size() - sorted_rows_ >= kRunRows + top_) close_run();
      if (slice.is_over()) return Step::yield;
    }
    if (runs_.empty()) return Step::end;
    // The heap's front is the run whose first row comes next.
    std::pop_heap(runs_.begin(), runs_.end(), LaterRun{this});
    Run& run = runs_.back();
    row_ = *run.next++;
    if (run.next == run.end) {
      runs_.pop_back();
    } else {
      std::push_heap(runs_.begin(), runs_.end(), LaterRun{this});
    }
    return Step::row;
  }

 private:
  struct Run {
    Datum** next;
    Datum** end;
    std::size_t order;  // among equal rows those of earlier runs come first
  };
  struct LaterRun {
    const Sort* sort;
    bool operator()(const Run& a, const Run& b) const {
      const int order = sort->compare(*a.next, *b.next);
      return order != 0 ? order > 0 : a.order > b.order;
    }
  };

  int compare(const Datum* left, const Datum* right) const {
    for (const physical::SortKey& key : node_.keys) {
      const auto column = static_cast<std::size_t>(key.column);
      const int order = compare_for_sort(key, node_.columns[column], left[column], right[column]);
      if (order != 0) return order;
    }
    return 0;
  }

  void sort_tail() {
    std::stable_sort(rows_->rows().begin() + static_cast<std::ptrdiff_t>(sorted_rows_), rows_->rows().end(),
                     [this](const Datum* a, const Datum* b) { return compare(a, b) < 0; });
  }

  void close_run() {
    if (top_ != 0) {
      sort_tail();
      keep_top();
      return;
    }
    sort_tail();
    run_ends_.push_back(rows_->size());
    sorted_rows_ = rows_->size();
  }

  // Everything is in one unsorted run: cut it down to the first top_ rows, in fresh memory.
  void keep_top() {
    auto kept = std::make_unique<RowStore>(state_, node_.columns);
    for (std::size_t i = 0; i < std::min(top_, rows_->size()); ++i) kept->add((*rows_)[i]);
    rows_ = std::move(kept);
  }

  void finish() {
    collected_ = true;
    if (rows_->size() > sorted_rows_) {
      sort_tail();
      run_ends_.push_back(rows_->size());
    }
    std::size_t begin = 0;
    for (const std::size_t end : run_ends_) {
      Datum** const all = rows_->rows().data();
      runs_.push_back({all + begin, all + end, runs_.size()});
      begin = end;
    }
    run_ends_.clear();
    std::make_heap(runs_.begin(), runs_.end(), LaterRun{this});
  }

  const physical::Sort& node_;
  OperatorPtr input_;
  std::unique_ptr<RowStore> rows_;
  Evaluator evaluator_;
  std::vector<std::size_t> run_ends_;
  std::vector<Run> runs_;
  std::size_t sorted_rows_ = 0;  // rows in closed runs
  std::size_t top_ = 0;          // one more than the rows wanted; 0: all
  bool collected_ = false;
};

}  // namespace

OperatorPtr make_sort(const physical::Sort& node, State& state) {
  return std::make_unique<Sort>(node, state);
}

}  // namespace gyre::adapter::exec
