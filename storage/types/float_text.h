// Floating point numbers as text, for float4 and float8.
#pragma once

#include <string_view>

#include "reactor/base/out_buffer.h"

namespace gyre::storage {

// Appends the number as PostgreSQL prints it; extra_float_digits > 0 asks for the shortest digits that read
// back.
template <class Real>
void print_real(Real value, int extra_float_digits, OutBuffer& out);

// Reads blanks, a number, Infinity or NaN, blanks; throws Failure in the words of `type`.
template <class Real>
Real parse_real(std::string_view text, std::string_view type);

extern template void print_real(float, int, OutBuffer&);
extern template void print_real(double, int, OutBuffer&);
extern template float parse_real(std::string_view, std::string_view);
extern template double parse_real(std::string_view, std::string_view);

}  // namespace gyre::storage
