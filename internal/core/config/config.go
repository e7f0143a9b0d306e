package config

import (
	"log/slog"
	"slices"
	"time"
)

// maxBytes is the largest configuration file: 10,000 servers need about 2 MB.
const maxBytes = 64 << 20

// A Config is one content of the configuration file, understood. Its zero value
// is not useful; see Parse.
type Config struct {
	Listen        string        // host:port of the endpoint, always loopback; default 127.0.0.1:7420, port 0 picks a free one
	Quarantine    bool          // hold back what nobody has approved; default true
	MCPAuth       string        // "token" (default) or "none": whether AI clients must send the token
	LogLevel      slog.Level    // "debug", "info" (default), "warn" or "error"
	Notifications Notifications // when to notify
	Timeouts      Timeouts      // how long to wait for servers
	History       History       // what is kept of what happened

	Servers  []Server // in the order of the file; a broken entry is here too, with Err set
	Refused  []*Error // entries without a usable name, or with one that is taken
	Warnings []*Error // what is kept in the file but has no effect, each kind once
}

// Notifications says when the user is notified. All delays may be 0.
type Notifications struct {
	Enabled      bool          // default true
	DownAfter    time.Duration // a server must be down this long before it is news; default 10s
	MinUp        time.Duration // and must have been up this long before; default 30s
	Group        time.Duration // news within this time become one notification; default 5s
	StartupQuiet time.Duration // silence after start and wake-up, then one summary; default 60s
	FlapMute     time.Duration // silence about a server after it was called unstable; default 30m
	NeedAfter    time.Duration // a server must need the user this long before that is news; default 2s
	Silent       []string      // kinds that nothing is said of, of NoticeKinds and in its order
}

// NoticeKinds are the kinds of notifications that can be switched off.
var NoticeKinds = []string{"approval", "crash", "down", "network", "question", "recovered", "review", "sign_in", "unstable"}

func (n Notifications) equal(o Notifications) bool {
	return n.Enabled == o.Enabled && n.DownAfter == o.DownAfter && n.MinUp == o.MinUp && n.Group == o.Group && n.StartupQuiet == o.StartupQuiet &&
		n.FlapMute == o.FlapMute && n.NeedAfter == o.NeedAfter && slices.Equal(n.Silent, o.Silent)
}

// Timeouts limits waiting for servers. All but Question are greater than 0.
type Timeouts struct {
	Start time.Duration // for a server to start and answer the handshake; default 30s
	Call  time.Duration // for the answer to one call; default 5m
	Wait  time.Duration // how long a call waits for a server that is being connected again; default 10s
	Grace time.Duration // how long clients see the tools of such a server; default 30s

	Question time.Duration // for the user to answer what a server asks and the client cannot ask; default 2m, 0 = is never asked
}

// History says what is kept on disk of calls and of changes of servers' states.
type History struct {
	Enabled      bool          // default true
	MaxBytes     int64         // of the file; default 100 MB, at least 10 MB
	MaxAge       time.Duration // of a call; default 90 days
	Payloads     bool          // also what was sent and answered, without secrets; default false
	PayloadBytes int           // of each of both, at most; default 4 kB
}

// Fallback returns what an empty object in the file would mean: all defaults
// and no servers. It is what holds while no good file was ever read.
func Fallback() *Config {
	return &Config{
		Listen:     "127.0.0.1:7420",
		Quarantine: true,
		MCPAuth:    "token",
		LogLevel:   slog.LevelInfo,
		Notifications: Notifications{
			Enabled:      true,
			DownAfter:    10 * time.Second,
			MinUp:        30 * time.Second,
			Group:        5 * time.Second,
			StartupQuiet: time.Minute,
			FlapMute:     30 * time.Minute,
			NeedAfter:    2 * time.Second,
		},
		Timeouts: Timeouts{Start: 30 * time.Second, Call: 5 * time.Minute, Wait: 10 * time.Second, Grace: 30 * time.Second,
			Question: 2 * time.Minute},
		History: History{Enabled: true, MaxBytes: 100 << 20, MaxAge: 90 * 24 * time.Hour, PayloadBytes: 4 << 10},
	}
}

// Equal reports whether both ask for the same: the same settings and the same
// servers in the same order. Refused and Warnings do not count.
func (c *Config) Equal(o *Config) bool {
	return c.sameSettings(o) && slices.EqualFunc(c.Servers, o.Servers, Server.Equal)
}

func (c *Config) sameSettings(o *Config) bool {
	return c.Listen == o.Listen && c.Quarantine == o.Quarantine && c.MCPAuth == o.MCPAuth &&
		c.LogLevel == o.LogLevel && c.Notifications.equal(o.Notifications) && c.Timeouts == o.Timeouts && c.History == o.History
}

// Server returns the server of that name.
func (c *Config) Server(name string) (Server, bool) {
	i := slices.IndexFunc(c.Servers, func(s Server) bool { return s.Name == name })
	if i < 0 {
		return Server{}, false
	}
	return c.Servers[i], true
}
