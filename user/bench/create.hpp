// bench create: making a process, until it has ended.
#pragma once

namespace ant::bench {
int measure_create();
}
