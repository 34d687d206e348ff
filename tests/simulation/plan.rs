//! What a seed decides before the first message: parameters, bounds, the network, and the habits of all peers.

use ipsmgw::interwork::Settings;

use crate::random::Random;

/// The plan of one run.
pub(crate) struct Plan {
    pub(crate) settings: Settings<'static>,
    /// Places in the table, exchanges of one kind in one bucket, exchanges of one sender.
    pub(crate) bounds: (u32, u32, u32),
    /// Of 1,000 datagrams, so many are lost, doubled, late.
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) late: u64,
    /// Of 1,000 steps, so many are carried out by a process that others overtake.
    pub(crate) slow_processes: u64,
    /// Of 1,000 callbacks of tm, so many come twice.
    pub(crate) callbacks_twice: u64,
    /// Of 1,000 MESSAGEs of ours, so many cannot be sent.
    pub(crate) unsendable: u64,
    pub(crate) phones: usize,
    pub(crate) clients: usize,
    /// Milliseconds in which the people write.
    pub(crate) span_ms: u64,
    /// How often phones do what: see `Phone` in `phone.rs`.
    pub(crate) phone_habits: [u64; 14],
    /// The same of clients: see `client.rs`.
    pub(crate) client_habits: [u64; 7],
    /// Of 1,000 instant messages, so many go to phones; the others are short messages of phones.
    pub(crate) to_phones: u64,
    /// Of 1,000 messages, so many are long.
    pub(crate) long: u64,
    /// Whether the gateway has a database and stores messages.
    pub(crate) has_database: bool,
    /// How many gateways there are.
    pub(crate) nodes: usize,
    /// After this time without a sign of life, a gateway takes over what the other one has.
    pub(crate) node_timeout_ms: u64,
}

impl Plan {
    /// The plan of a seed, for so many messages.
    pub(crate) fn of(random: &mut Random, messages: usize) -> Self {
        let calm = random.per_mille(250);
        let settings = Settings {
            domain: "ims.example",
            sc_address: "+15559999",
            hold_timeout: random.pick(&[20, 20, 5, 30]),
            im_timeout: 20,
            accept_timeout: random.pick(&[4, 4, 4, 1, 20]),
            report_timeout: random.pick(&[45, 45, 3, 10]),
            queue_timeout: random.pick(&[180, 180, 20]),
            concat_timeout: random.pick(&[120, 120, 15]),
            concat_incomplete: random.pick(&["deliver", "deliver", "drop"]),
            ..Settings::default()
        };
        let bounds = random.pick(&[(512, 512, 512), (512, 64, 64), (64, 16, 16), (24, 24, 8)]);
        let rare = |random: &mut Random, most| if calm { 0 } else { random.below(most) };
        // Normal, slow, early, refuses, silent, mute, fails, fails with a cause that another form mends, twice, contradicts,
        // refuses and has it, without In-Reply-To, wrong RP-MR, wrong In-Reply-To.
        let mut phone_habits = [100, 10, 10, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0];
        for habit in &mut phone_habits[3..] {
            *habit += rare(random, 12);
        }
        // Normal, slow, accepts, refuses, refuses the form, silent, very slow.
        let mut client_habits = [100, 10, 0, 0, 0, 0, 0];
        for habit in &mut client_habits[2..] {
            *habit += rare(random, 12);
        }
        let phones = random.pick(&[1, 3, 8, 20]);
        // From one message in 20 ms to one in 4 s.
        let gap_ms = random.pick(&[20, 200, 1000, 4000]);
        Self {
            settings,
            bounds,
            lost: rare(random, 2) * random.below(200),
            doubled: rare(random, 100),
            late: rare(random, 100),
            slow_processes: rare(random, 300),
            callbacks_twice: rare(random, 50),
            unsendable: rare(random, 2) * random.below(20),
            phones,
            clients: random.pick(&[1, 3, 8, 20]),
            span_ms: messages as u64 * gap_ms,
            phone_habits,
            client_habits,
            to_phones: random.pick(&[500, 500, 100, 900]),
            long: random.pick(&[0, 150, 150, 500]),
            has_database: false,
            nodes: 1,
            node_timeout_ms: 10_000,
        }
    }

    /// With a database, messages for people who are away are stored.
    pub(crate) fn get_database(&mut self, chance: &mut Random) {
        self.has_database = true;
        self.settings.validity = chance.pick(&[3_600, 3_600, 300, 60]);
        self.settings.retry = chance.pick(&["30,300,1800", "5", "30,60"]);
        if self.settings.retry == "5" {
            // An hour would be 700 attempts for each message.
            self.settings.validity = self.settings.validity.min(300);
        }
    }

    /// A service centre outside. Phones send nothing: their short messages would go to the service centre unchanged.
    pub(crate) const fn get_centre(&mut self) {
        self.settings.sc_uri = "sip:192.0.2.9:5070";
        self.to_phones = 1000;
    }

    /// Two gateways with one database.
    pub(crate) fn get_two_nodes(&mut self, chance: &mut Random) {
        self.nodes = 2;
        self.node_timeout_ms = chance.pick(&[10_000, 10_000, 20_000]);
    }
}
