#include "page.hpp"

#include <ant/process.hpp>

#include <algorithm>

namespace ant::web {
namespace {

constexpr const char* page_text =
    R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>AnT</title><style>
body{font:16px/1.5 sans-serif;max-width:42em;margin:3em auto;padding:0 1em;color:#222;background:#fafaf7}
h1{font-weight:600;border-bottom:3px solid #b33;padding-bottom:.2em}
td{padding:.1em 1em .1em 0}code{background:#eee;padding:0 .2em}
</style></head><body>
<h1>AnT</h1>
<p>An operating system with adaptability and toughness: everything beyond address spaces, scheduling and
message passing runs in processes, and each of them can be replaced while its clients keep working.
This page came through one of them: type <code>replace rtl8139</code> at its prompt and reload.</p>
<table>
<tr><td>up for</td><td>%lu h %02lu min %02lu.%03lu s</td></tr>
<tr><td>requests served</td><td>%lu</td></tr>
<tr><td>connections accepted</td><td>%lu</td></tr>
</table>
<p><a href="/random?bytes=1048576&amp;seed=7">A reproducible stream</a>: <code>/random?bytes=N&amp;seed=S</code>;
<code>sum N S</code> at the prompt prints its SHA-256.<br>
<code>curl -T FILE http://HOST:PORT/sink</code> answers with the SHA-256 of what arrived.</p>
</body></html>
)";

}  // namespace

std::string_view write_page(const Site& site, std::array<char, max_page>& out) {
    const std::uint64_t milliseconds = site.uptime_us / 1000, seconds = milliseconds / 1000, minutes = seconds / 60;
    const std::size_t bytes = ant::format(out.data(), out.size(), page_text, minutes / 60, minutes % 60, seconds % 60,
                                          milliseconds % 1000, site.requests, site.connections);
    return {out.data(), std::min(bytes, out.size() - 1)};
}

}  // namespace ant::web
