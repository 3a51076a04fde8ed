#include "transfer_area.hpp"

namespace ant::transfer {

namespace {

constinit Ica reserved{};

}  // namespace

Result<const Ica*> area() {
    if (!reserved) reserved = ANT_TRY(Ica::reserve(area_bytes));
    return &reserved;
}

}  // namespace ant::transfer
