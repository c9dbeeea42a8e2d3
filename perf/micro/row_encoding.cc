// From a packed row, and from values, to a DataRow.
#include <benchmark/benchmark.h>

#include <array>

#include "adapter/row_encoder.h"

namespace gyre::perf {

namespace {

struct Row {
  // hello | 42
  Row() {
    const storage::Type types[] = {storage::TypeId::text, storage::TypeId::int4};
    layout = storage::RowLayout(types);
    layout.pack(values, packed);
    columns = {{.name = "id", .type = types[0]}, {.name = "value", .type = types[1]}};
  }

  std::array<storage::Datum, 2> values{storage::Datum::of_bytes("hello"), storage::Datum::of_integer(42)};
  storage::RowLayout layout;
  OutBuffer packed;
  std::vector<adapter::OutputColumn> columns;
};

void encode_packed(benchmark::State& state) {
  const Row row;
  const std::array<pgwire::Format, 1> format{state.range(0) == 0 ? pgwire::Format::text
                                                                 : pgwire::Format::binary};
  const adapter::RowEncoder encoder(row.columns, format);
  const std::array<std::uint16_t, 2> columns{0, 1};
  const storage::TextStyle style;
  OutBuffer out;
  for (auto _ : state) {
    out.clear();
    encoder.encode_packed(row.packed.data(), row.layout, columns, style, out);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(encode_packed)->Arg(0)->Arg(1);

void encode_values(benchmark::State& state) {
  const Row row;
  const adapter::RowEncoder encoder(row.columns, {});
  const storage::TextStyle style;
  OutBuffer out;
  for (auto _ : state) {
    out.clear();
    encoder.encode(row.values.data(), style, out);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(encode_values);

}  // namespace

}  // namespace gyre::perf

BENCHMARK_MAIN();
