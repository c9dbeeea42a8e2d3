#include "storage/types/input.h"

#include <string>

namespace gyre::storage {

void fail_syntax(std::string_view type, std::string_view text) {
  std::string message = "invalid input syntax for type ";
  message.append(type).append(": \"").append(text).append("\"");
  throw Failure(Fault::invalid_text_representation, std::move(message));
}

void fail_range(std::string_view type, std::string_view text) {
  std::string message = "value \"";
  message.append(text).append("\" is out of range for type ").append(type);
  throw Failure(Fault::numeric_value_out_of_range, std::move(message));
}

}  // namespace gyre::storage
