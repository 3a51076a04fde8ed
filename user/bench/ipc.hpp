#pragma once

namespace ant::bench {

int measure_ipc();
int measure_chain();

}  // namespace ant::bench
