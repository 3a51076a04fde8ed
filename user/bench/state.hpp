// What it costs to keep state for a failure.
#pragma once

namespace ant::bench {

// Prints state.commit: one record of the largest size.
void measure_commit();

}  // namespace ant::bench
