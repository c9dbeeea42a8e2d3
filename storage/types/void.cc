// void: what functions without a result return; prints as nothing.
#include "storage/types/all.h"

namespace gyre::storage {

namespace {

Datum parse(std::string_view, const TextStyle&, Arena&) {
  return Datum::of_integer(0);
}
void print(Datum, const TextStyle&, OutBuffer&) {}
Datum receive(std::string_view, Arena&) {
  return Datum::of_integer(0);
}
void send(Datum, OutBuffer&) {}
int compare(Datum, Datum) {
  return 0;
}
void append_key(Datum, OutBuffer&) {}

}  // namespace

constinit const TypeTraits kVoidTraits{
    .id = TypeId::void_,
    .oid = 2278,
    .array_oid = 0,
    .name = "void",
    .short_name = "void",
    .wire_size = 4,
    .category = 'P',
    .preferred = false,
    .slot_size = 4,
    .parse = parse,
    .print = print,
    .receive = receive,
    .send = send,
    .compare = compare,
    .append_key = append_key,
    .apply_typmod = nullptr,
};

}  // namespace gyre::storage
