// A system relation makes all its rows at once, from the catalog.
#include "adapter/exec/operators.h"

namespace gyre::adapter::exec {
namespace {

class SystemRelationScan : public Operator {
 public:
  SystemRelationScan(const physical::SystemScan& node, State& state)
      : Operator(state), node_(node), rows_(state, node.columns) {}

  void open() override {
    next_ = 0;
    if (made_) return;
    made_ = true;
    static const storage::SessionFacts nobody;
    Arena arena;
    SystemScan scan{*state_.context.catalog, *state_.context.database,
                    state_.context.session ? *state_.context.session : nobody, arena, state_.context.statement_us,
                    [this](std::span<const Datum> row) { rows_.add(row.data()); }};
    node_.relation->scan(scan);
  }
  Step next(TimeSlice&) override {
    if (next_ == rows_.size()) return Step::end;
    row_ = rows_[next_++];
    return Step::row;
  }

 private:
  const physical::SystemScan& node_;
  RowStore rows_;
  std::size_t next_ = 0;
  bool made_ = false;
};

}  // namespace

OperatorPtr make_system_scan(const physical::SystemScan& node, State& state) {
  return std::make_unique<SystemRelationScan>(node, state);
}

}  // namespace gyre::adapter::exec
