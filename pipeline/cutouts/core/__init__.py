"""Pure code: records, rules and pixel arithmetic. No I/O, no clock, no logging, no globals."""
