#include "special_files.hpp"

#include <ant/process.hpp>

namespace ant::foreign {

namespace {

constexpr std::string_view hosts = "127.0.0.1\tlocalhost\n";
constexpr std::string_view users = "root:x:0:0:root:/home:/bin/sh\n";  // for the home directory

// What the resolver of the C library reads: the name server that inet learned from DHCP.
std::string_view resolver_configuration() {
    static constinit char text[64] = {};
    const auto answer = Socket::default_server().call(inet::interface_state);
    if (!answer || answer->result.dns == 0) return {};
    const std::uint32_t dns = answer->result.dns;
    const std::size_t length =
        format(text, sizeof text, "nameserver %u.%u.%u.%u\n", dns >> 24, dns >> 16 & 0xff, dns >> 8 & 0xff, dns & 0xff);
    return {text, length};
}

OpenFile file_of(OpenFile::Kind kind, std::string_view text = {}) {
    OpenFile file;
    file.kind = kind;
    file.text = text;
    return file;
}

}  // namespace

OpenFile special_file(std::string_view path) {
    if (path == "/dev/null") return file_of(OpenFile::Kind::null);
    if (path == "/dev/zero") return file_of(OpenFile::Kind::zero);
    if (path == "/dev/random" || path == "/dev/urandom") return file_of(OpenFile::Kind::random);
    if (path == "/dev/tty" || path == "/dev/console") return file_of(OpenFile::Kind::terminal);
    if (path == "/etc/hosts") return file_of(OpenFile::Kind::text, hosts);
    if (path == "/etc/passwd") return file_of(OpenFile::Kind::text, users);
    if (path == "/etc/resolv.conf") return file_of(OpenFile::Kind::text, resolver_configuration());
    return OpenFile{};
}

}  // namespace ant::foreign
