// The table of functions of each type, one per file; storage/type.cc puts them in order.
#pragma once

#include "storage/type.h"

namespace gyre::storage {

extern const TypeTraits kUnknownTraits;
extern const TypeTraits kBooleanTraits;
extern const TypeTraits kInt2Traits;
extern const TypeTraits kInt4Traits;
extern const TypeTraits kInt8Traits;
extern const TypeTraits kFloat4Traits;
extern const TypeTraits kFloat8Traits;
extern const TypeTraits kNumericTraits;
extern const TypeTraits kTextTraits;
extern const TypeTraits kVarcharTraits;
extern const TypeTraits kBpcharTraits;
extern const TypeTraits kNameTraits;
extern const TypeTraits kByteaTraits;
extern const TypeTraits kDateTraits;
extern const TypeTraits kTimestampTraits;
extern const TypeTraits kTimestamptzTraits;
extern const TypeTraits kUuidTraits;
extern const TypeTraits kOidTraits;
extern const TypeTraits kRegclassTraits;
extern const TypeTraits kRegtypeTraits;
extern const TypeTraits kCharTraits;
extern const TypeTraits kTextArrayTraits;
extern const TypeTraits kInt2ArrayTraits;
extern const TypeTraits kInt4ArrayTraits;
extern const TypeTraits kInt8ArrayTraits;
extern const TypeTraits kFloat8ArrayTraits;
extern const TypeTraits kUuidArrayTraits;
extern const TypeTraits kVoidTraits;

}  // namespace gyre::storage
