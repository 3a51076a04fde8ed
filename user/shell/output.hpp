// What the shell prints: collected, and sent to the console line by line or in larger pieces.
#pragma once

#include "text.hpp"

#include <ant/client.hpp>
#include <ant/interface/console.hpp>

#include <string_view>

namespace ant::shell {

class Output {
public:
    explicit constexpr Output(Client& console) : console_{console} {}

    void write(std::string_view text);
    [[gnu::format(printf, 2, 3)]] void print(const char* format, ...);
    void flush();

private:
    void send(std::string_view text);

    Client& console_;
    FixedText<console::max_text> text_;
};

extern Client console_client;
extern Output out;

// Prints error=CODE why="...". -> the command's status, 1
int fail(Error error);
int fail(Error error, const char* why);

}  // namespace ant::shell
