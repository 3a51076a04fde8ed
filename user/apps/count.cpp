// count AMOUNT: has the server "counter" add to its total.
#include "counter.hpp"

#include <ant/abi/manifest.hpp>
#include <ant/client.hpp>
#include <ant/console.hpp>
#include <ant/process.hpp>

#include <charconv>
#include <cstring>

ANT_MANIFEST(.version = 1, .name = "count", .quota_pages = 8, .quota_calls = 4, .callees = "console counter");

int main() {
    const char* text = ant::argument(1);
    counter::Amount amount{};
    if (std::from_chars(text, text + std::strlen(text), amount.value).ec != std::errc{}) {
        ant::console::print("usage: count AMOUNT\n");
        return 2;
    }
    ant::Client server{"counter"};
    const auto answer = server.call(counter::add, amount);
    if (!answer) {
        ant::console::print("counter: %s\n", ant::error_text(answer.error()));
        return 1;
    }
    ant::console::print("total %ld after %lu additions\n", answer->result.value, answer->result.additions);
    return 0;
}
