// Rows of a table: all of them in key order, one by its whole key, or a range of the primary key's or an
// index's order, forwards or backwards. Only the columns that are used are decoded.
#include <limits>
#include <string_view>

#include "adapter/exec/operators.h"
#include "storage/failure.h"
#include "storage/table.h"
#include "storage/tree.h"

namespace gyre::adapter::exec {
namespace {

using storage::ScanBound;
using storage::TypeId;

struct IntegerRange {
  std::int64_t least, greatest;
};
IntegerRange range_of(TypeId type) {
  if (type == TypeId::int2) return {INT16_MIN, INT16_MAX};
  if (type == TypeId::int4) return {INT32_MIN, INT32_MAX};
  return {INT64_MIN, INT64_MAX};
}
bool is_integer(TypeId type) {
  return type == TypeId::int2 || type == TypeId::int4 || type == TypeId::int8;
}

class TableScan : public Operator {
 public:
  TableScan(const physical::TableScan& node, State& state)
      : Operator(state), node_(node), schema_(*node.table->schema), evaluator_(state), keys_(state) {
    values_.resize(node.columns.size());
    row_ = values_.data();
    if (state.context.reads != nullptr) state.readers.push_back(this);
  }

  void open() override {
    if (state_.context.reads != nullptr) note_reads();  // of the last time
    version_ = state_.context.database->table(node_.table->id());
    if (!version_)
      throw storage::Failure(storage::Fault::undefined_table,
                             "relation \"" + node_.table->name() + "\" does not exist");
    keys_.forget();
    done_ = !find_range();
    unread_ = done_;
    if (done_ || node_.point) return;
    const storage::Tree& tree = by_index() ? version_->indexes[index()] : version_->rows;
    const std::string_view upper = upper_.empty() ? std::string_view() : upper_.view();
    if (node_.path.descending) {
      backward_ = storage::Cursor(tree);
      upper.empty() ? backward_.seek_last() : backward_.seek_before(upper);
    } else {
      forward_ = storage::TreeRange(tree, lower_.view(), upper);
    }
  }

  Step next(TimeSlice& slice) override {
    while (!done_) {
      std::string_view key;
      std::string_view packed;
      if (!step(key, packed)) {
        done_ = true;
        break;
      }
      decode(key, packed);
      evaluator_.forget();
      if (evaluator_.all_true(node_.filter, row_)) return Step::row;
      if (slice.is_over()) return Step::yield;
    }
    return Step::end;
  }

  // From where the scan began to the row it stands on, or to its end.
  void note_reads() noexcept override {
    if (version_ == nullptr || unread_) return;
    storage::ReadSet& reads = *state_.context.reads;
    const RelationId table = node_.table->id();
    const RelationId order = by_index() ? schema_.indexes[index()].id : table;
    if (node_.point) {
      if (done_) reads.add_key(table, order, lower_.view());
    } else if (done_) {
      reads.add_range(table, order, lower_.view(), upper_.view());
    } else if (moved_ && node_.path.descending) {
      reads.add_range(table, order, backward_.key(), upper_.view());
    } else if (moved_) {
      reads.add_range_through(table, order, lower_.view(), forward_.key());
    }
  }

 private:
  bool by_index() const { return node_.path.index >= 0; }
  std::size_t index() const { return static_cast<std::size_t>(node_.path.index); }
  std::span<const std::uint16_t> key_columns() const {
    return by_index() ? schema_.indexes[index()].columns : schema_.primary_key;
  }

  // The next entry's row key and row; false at the end.
  bool step(std::string_view& key, std::string_view& packed) {
    if (node_.point) {
      done_ = true;
      key = lower_.view();
      return version_->rows.get(key, packed);
    }
    std::string_view value;
    if (node_.path.descending) {
      if (moved_) backward_.prev();
      if (!backward_.valid() || backward_.key() < lower_.view()) return false;
      key = backward_.key();
      value = backward_.value();
    } else {
      if (moved_) forward_.next();
      if (!forward_.valid()) return false;
      key = forward_.key();
      value = forward_.value();
    }
    moved_ = true;
    packed = value;
    if (!by_index()) return true;
    key = value;
    return version_->rows.get(key, packed);
  }

  void decode(std::string_view key, std::string_view packed) {
    const std::size_t count = node_.source.size();
    for (std::size_t i = 0; i < count; ++i) values_[i] = schema_.layout.get(packed.data(), node_.source[i]);
    if (node_.with_key) values_[count] = Datum::of_bytes(key);
  }

  // The value of a key column's condition, in the column's type. An integer that the column cannot hold is
  // beyond all its values: `side` says on which side (0: it fits).
  bool key_value(const storage::Expression& expression, TypeId column, Datum& value, int& side) {
    value = keys_.value(expression, nullptr);
    side = 0;
    if (value.null) return false;
    if (is_integer(column)) {
      const IntegerRange range = range_of(column);
      side = value.integer < range.least ? -1 : value.integer > range.greatest ? 1 : 0;
    }
    return true;
  }

  // lower_ and upper_ from the path; false where no row can match.
  bool find_range() {
    moved_ = false;
    lower_.clear();
    upper_.clear();
    const logical::AccessPath& path = node_.path;
    const auto columns = key_columns();
    std::vector<Datum> equal;
    for (std::size_t i = 0; i < path.equal.size(); ++i) {
      Datum value;
      int side;
      const TypeId type = schema_.columns[columns[i]].type.id;
      if (!key_value(*path.equal[i], type, value, side) || side != 0) return false;
      equal.push_back(value);
    }
    if (node_.point) {
      storage::append_key_prefix(schema_, columns, equal, lower_);
      return true;
    }
    if (path.whole()) return true;
    ScanBound from;
    ScanBound to;
    if (path.from.value && !bound(path.from, columns[equal.size()], -1, from)) return false;
    if (path.to.value && !bound(path.to, columns[equal.size()], 1, to)) return false;
    if ((path.from.value || path.to.value) && from.kind == ScanBound::Kind::none &&
        to.kind == ScanBound::Kind::none) {
      // Both ends are beyond the type: every value, but no null.
      from.kind = ScanBound::Kind::inclusive;
      from.value = Datum::of_integer(range_of(schema_.columns[columns[equal.size()]].type.id).least);
    }
    storage::make_key_range(schema_, columns, equal, from, to, lower_, upper_);
    return upper_.empty() || lower_.view() < upper_.view();
  }

  // outward: -1 for the lower end, 1 for the upper one. False where nothing lies within.
  bool bound(const logical::Bound& wanted, std::uint16_t column, int outward, ScanBound& bound) {
    int side;
    if (!key_value(*wanted.value, schema_.columns[column].type.id, bound.value, side)) return false;
    if (side == outward) return true;  // beyond the end of the type: no bound
    if (side != 0) return false;
    bound.kind = wanted.inclusive ? ScanBound::Kind::inclusive : ScanBound::Kind::exclusive;
    return true;
  }

  const physical::TableScan& node_;
  const storage::TableSchema& schema_;
  const storage::TableVersion* version_ = nullptr;
  Evaluator evaluator_;
  Evaluator keys_;
  std::vector<Datum> values_;
  OutBuffer lower_, upper_;
  storage::TreeRange forward_;
  storage::Cursor backward_;
  bool moved_ = false;  // the cursor stands on the row answered last
  bool done_ = true;
  bool unread_ = true;  // no row can match: nothing is looked at
};

}  // namespace

OperatorPtr make_table_scan(const physical::TableScan& node, State& state) {
  return std::make_unique<TableScan>(node, state);
}

}  // namespace gyre::adapter::exec
