#include "keyboard.hpp"

#include <algorithm>

namespace ant::console {
namespace {

constexpr std::uint8_t release = 0x80;
constexpr std::uint8_t extended_prefix = 0xe0;
constexpr std::uint8_t pause_prefix = 0xe1;  // e1 1d 45 e1 9d c5

namespace key {
constexpr std::uint8_t control = 0x1d, left_shift = 0x2a, right_shift = 0x36, alt = 0x38, caps_lock = 0x3a;
constexpr std::uint8_t keypad_star = 0x37, keypad_slash = 0x35, keypad_enter = 0x1c;
}  // namespace key

// Indexed by scan code, from 0x00 to 0x39.
constexpr std::string_view plain{
    "\0\x1b"
    "1234567890-=\x7f"
    "\tqwertyuiop[]\r"
    "\0asdfghjkl;'`"
    "\0\\zxcvbnm,./\0*"
    "\0 ",
    0x3a};
constexpr std::string_view shifted{
    "\0\x1b"
    "!@#$%^&*()_+\x7f"
    "\tQWERTYUIOP{}\r"
    "\0ASDFGHJKL:\"~"
    "\0|ZXCVBNM<>?\0*"
    "\0 ",
    0x3a};

struct Sequence {
    std::uint8_t code;
    const char* text;
};
// Cursor block: with the prefix 0xe0, or from the keypad without it (Num Lock is taken as off).
constexpr Sequence cursor_keys[] = {
    {0x47, "\x1b[H"}, {0x48, "\x1b[A"}, {0x49, "\x1b[5~"}, {0x4b, "\x1b[D"},  {0x4d, "\x1b[C"},
    {0x4f, "\x1b[F"}, {0x50, "\x1b[B"}, {0x51, "\x1b[6~"}, {0x52, "\x1b[2~"}, {0x53, "\x1b[3~"},
};
constexpr Sequence other_keys[] = {
    {0x3b, "\x1bOP"},   {0x3c, "\x1bOQ"},   {0x3d, "\x1bOR"},   {0x3e, "\x1bOS"},   {0x3f, "\x1b[15~"}, {0x40, "\x1b[17~"},
    {0x41, "\x1b[18~"}, {0x42, "\x1b[19~"}, {0x43, "\x1b[20~"}, {0x44, "\x1b[21~"}, {0x57, "\x1b[23~"}, {0x58, "\x1b[24~"},
    {0x4a, "-"},        {0x4c, "\x1b[E"},   {0x4e, "+"},        {0x56, "\\"},
};

Keys typed(std::string_view text) {
    Keys keys;
    keys.count = static_cast<std::uint8_t>(std::min(text.size(), sizeof(keys.bytes)));
    std::copy_n(text.begin(), keys.count, keys.bytes);
    return keys;
}

template <std::size_t N>
Keys find(const Sequence (&table)[N], std::uint8_t code) {
    for (const Sequence& entry : table)
        if (entry.code == code) return typed(entry.text);
    return {};
}

// True if the key only changes what other keys mean.
bool modifier(Keyboard& keyboard, std::uint8_t code, bool pressed, bool extended) {
    switch (code) {
        case key::control:
            keyboard.control = pressed;
            return true;
        case key::alt:
            keyboard.alt = pressed;
            return true;
        // An extended "shift" is made up by the keyboard around cursor keys; it means nothing.
        case key::left_shift:
            if (!extended) keyboard.left_shift = pressed;
            return true;
        case key::right_shift:
            if (!extended) keyboard.right_shift = pressed;
            return true;
        case key::caps_lock:
            if (pressed) keyboard.caps_lock = !keyboard.caps_lock;
            return true;
        default:
            return false;
    }
}

char with_control(char letter) {
    if (letter >= '@' && letter <= '_') return static_cast<char>(letter & 0x1f);
    if (letter >= 'a' && letter <= 'z') return static_cast<char>(letter & 0x1f);
    if (letter == ' ') return 0;
    return letter;
}

Keys character(const Keyboard& keyboard, std::uint8_t code) {
    const bool shift = keyboard.left_shift != 0 || keyboard.right_shift != 0;
    char letter = shift ? shifted[code] : plain[code];
    if (letter == 0) return {};
    const bool alphabetic = plain[code] >= 'a' && plain[code] <= 'z';
    if (alphabetic && keyboard.caps_lock != 0) letter = static_cast<char>(letter ^ 0x20);
    if (keyboard.control != 0) letter = with_control(letter);
    if (keyboard.alt == 0) return typed({&letter, 1});
    const char meta[] = {'\x1b', letter};
    return typed({meta, 2});
}

Keys extended_key(std::uint8_t code) {
    if (code == key::keypad_enter) return typed("\r");
    if (code == key::keypad_slash) return typed("/");
    return find(cursor_keys, code);
}

}  // namespace

Keys decode(Keyboard& keyboard, std::uint8_t code) {
    if (keyboard.to_ignore != 0) {
        --keyboard.to_ignore;
        return {};
    }
    if (code == pause_prefix) {
        keyboard.to_ignore = 5;
        return {};
    }
    if (code == extended_prefix) {
        keyboard.extended = 1;
        return {};
    }
    const bool extended = keyboard.extended != 0;
    keyboard.extended = 0;
    const bool pressed = (code & release) == 0;
    code &= static_cast<std::uint8_t>(~release);
    if (modifier(keyboard, code, pressed, extended) || !pressed) return {};
    if (extended) return extended_key(code);
    if (code < plain.size()) return character(keyboard, code);
    const Keys cursor = find(cursor_keys, code);
    return cursor.count != 0 ? cursor : find(other_keys, code);
}

}  // namespace ant::console
