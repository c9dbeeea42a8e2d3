#include "adapter/plan/hoist_expressions.h"

#include "storage/scalar/hoist.h"

namespace gyre::adapter {
namespace {

using logical::ExpressionPtr;
using logical::Kind;

class Hoister {
 public:
  Hoister(int changing, int& places) : changing_(changing), places_(places) {}

  void visit(logical::Node& node) {
    for (const logical::NodePtr& input : node.inputs) visit(*input);
    switch (node.kind) {
      case Kind::scan:
        all(static_cast<logical::Scan&>(node).filter);
        break;
      case Kind::filter:
        all(static_cast<logical::Filter&>(node).conditions);
        break;
      case Kind::project:
        // Above a row of constants everything is evaluated once anyway.
        if (node.input().kind != Kind::values) all(static_cast<logical::Project&>(node).expressions);
        break;
      case Kind::join:
        all(static_cast<logical::Join&>(node).conditions);
        break;
      case Kind::aggregate:
        visit_aggregate(static_cast<logical::Aggregate&>(node));
        break;
      case Kind::apply:
        one(static_cast<logical::Apply&>(node).test);
        break;
      default:
        break;
    }
  }

 private:
  void one(ExpressionPtr& expression) {
    if (expression) expression = storage::hoist(std::move(expression), changing_, places_);
  }
  void all(std::vector<ExpressionPtr>& expressions) {
    for (ExpressionPtr& expression : expressions) one(expression);
  }
  void visit_aggregate(logical::Aggregate& aggregate) {
    all(aggregate.keys);
    for (logical::AggregateCall& call : aggregate.calls) {
      all(call.arguments);
      one(call.filter);
    }
  }

  int changing_;
  int& places_;
};

}  // namespace

void hoist_expressions(logical::Node& plan, int changing, int& places) {
  Hoister(changing, places).visit(plan);
}

}  // namespace gyre::adapter
