// poll, select and their newer forms.
#pragma once

#include "foreign.hpp"

namespace ant::foreign {

Answer call_poll(const Arguments& arguments);
Answer call_ppoll(const Arguments& arguments);
Answer call_select(const Arguments& arguments);
Answer call_pselect6(const Arguments& arguments);

}  // namespace ant::foreign
