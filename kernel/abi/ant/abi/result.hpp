// Result<T>: a value or an Error. ANT_TRY passes an error up.
#pragma once

#include <ant/abi/error.hpp>

#include <expected>
#include <utility>

namespace ant {

template <class T = void>
class [[nodiscard]] Result : public std::expected<T, Error> {
public:
    using std::expected<T, Error>::expected;
};

using Failure = std::unexpected<Error>;

}  // namespace ant

#define ANT_TRY(expr)                                       \
    ({                                                      \
        auto&& ant_try_result_ = (expr);                    \
        if (!ant_try_result_) [[unlikely]]                  \
            return ::ant::Failure(ant_try_result_.error()); \
        *std::move(ant_try_result_);                        \
    })
