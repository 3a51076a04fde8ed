#pragma once

namespace ant::bench {

int measure_memory();
int measure_boot();

}  // namespace ant::bench
