#include "storage/types/binary.h"

#include "storage/failure.h"

namespace gyre::storage {

void fail_binary_too_short() {
  throw Failure(Fault::protocol_violation, "insufficient data left in message");
}

void fail_binary_content(const char* message) {
  throw Failure(Fault::invalid_binary_representation, message);
}

}  // namespace gyre::storage
