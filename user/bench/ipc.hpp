#pragma once

namespace ant::bench {

int measure_ipc();

}  // namespace ant::bench
