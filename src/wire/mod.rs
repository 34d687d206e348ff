//! Octets <-> values: the RP layer (TS 24.011), TPDUs (TS 23.040) and alphabets (TS 23.038).
