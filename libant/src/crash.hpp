// The operation that every server offers for tests and demonstrations: bring yourself down.
#pragma once

#include <ant/server.hpp>

namespace ant {

Outcome crash_as_asked(Call call);

}  // namespace ant
