//! Numbers out of bytes, in a capture's own byte order.

/// The byte order a file or section was written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

impl Order {
    pub(super) fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    pub(super) fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    pub(super) fn i64(self, bytes: [u8; 8]) -> i64 {
        match self {
            Self::Little => i64::from_le_bytes(bytes),
            Self::Big => i64::from_be_bytes(bytes),
        }
    }
}

/// A walk over bytes, field by field; `None` once they end.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
    order: Order,
}

impl<'a> Fields<'a> {
    pub(super) fn new(bytes: &'a [u8], order: Order) -> Self {
        Self { rest: bytes, order }
    }

    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*taken)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(|b| self.order.u16(b))
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(|b| self.order.u32(b))
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        self.array().map(|b| self.order.i64(b))
    }

    /// A count of units since a beginning, as pcapng writes it: upper half first, in either byte order.
    pub(super) fn ticks(&mut self) -> Option<u64> {
        let (high, low) = (self.u32()?, self.u32()?);
        Some(u64::from(high) << 32 | u64::from(low))
    }

    pub(super) fn rest(self) -> &'a [u8] {
        self.rest
    }
}

/// `length` rounded up to the next multiple of four, as pcapng pads.
pub(super) fn padded(length: usize) -> usize {
    length.saturating_add(3) & !3
}

/// Calls `found` with the code and value of each option of a pcapng block, until the list ends or breaks off.
pub(super) fn each_option<'a>(mut fields: Fields<'a>, mut found: impl FnMut(u16, Fields<'a>)) {
    const END_OF_OPTIONS: u16 = 0;
    while let (Some(code), Some(length)) = (fields.u16(), fields.u16()) {
        let length = usize::from(length);
        // The last option's padding is sometimes left out.
        let padding = padded(length).min(fields.rest.len());
        let Some(value) = fields.take(padding).and_then(|v| v.get(..length)) else { return };
        if code == END_OF_OPTIONS {
            return;
        }
        found(code, Fields::new(value, fields.order));
    }
}
