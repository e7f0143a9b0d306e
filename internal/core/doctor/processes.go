package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

	"mcpproxy-tray/internal/core/guard"
)

// port finds an address to listen on that another program has.
func port(ctx context.Context, x *exam) []Finding {
	address, option := x.Listen, "--listen"
	if address == "" {
		if x.err != nil || x.Running != "" {
			return nil // the running instance has its address
		}
		address, option = x.cfg.Listen, `"listen" in the configuration`
	}
	host, number, _ := net.SplitHostPort(address)
	switch host { // those of httpapi.Listen
	case "localhost":
		address = net.JoinHostPort("127.0.0.1", number)
	case "127.0.0.1", "::1":
	default:
		return []Finding{{Text: fmt.Sprintf("The address %q is none that can be listened on.", address),
			Why: "Only 127.0.0.1, [::1] and localhost, each with a port, are safe from other computers.", Hint: "Set another " + option + "."}}
	}
	if address == x.Running {
		return nil
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err == nil {
		_ = l.Close() // it was only tried
		return nil
	}
	f := Finding{Text: fmt.Sprintf("The address %s cannot be listened on.", address), Why: "Without it no AI client can connect.", Hint: "Set another " + option + "."}
	if !errors.Is(err, syscall.EADDRINUSE) {
		return []Finding{f}
	}
	f.Text = fmt.Sprintf("The address %s is taken by a program of another user.", address)
	if n, err := strconv.Atoi(number); err == nil {
		if pid, name := listener(n); pid > 0 {
			f.Text = fmt.Sprintf("The address %s is taken by %s (process %d).", address, name, pid)
			f.Hint = "End that program, or set another " + option + "."
		}
	}
	return []Finding{f}
}

// crash finds what an instance left that did not end in order.
func crash(_ context.Context, x *exam) []Finding {
	if _, err := os.Stat(x.Dirs.Instance()); err != nil || x.Running != "" {
		return nil
	}
	return []Finding{{Text: "The last instance did not end in order.", Why: "Its servers may still run.",
		Hint: "Start mcpproxy-tray again: it first ends what was left. The log " + x.Dirs.AppLog() + " may say why."}}
}

// orphans finds processes of servers whose instance has ended.
func orphans(_ context.Context, x *exam) []Finding {
	left := guard.Orphans(x.Dirs.Data)
	if len(left) == 0 {
		return nil
	}
	var numbers []string
	for _, pid := range left {
		numbers = append(numbers, strconv.Itoa(pid))
	}
	f := Finding{Text: fmt.Sprintf("%d processes of servers run although the instance that started them has ended.", len(left)),
		Why: "They hold memory, files and ports for nobody.", Hint: "Start mcpproxy-tray, which ends them, or run: kill " + strings.Join(numbers, " ")}
	if len(left) == 1 {
		f.Text = fmt.Sprintf("Process %d of a server runs although the instance that started it has ended.", left[0])
		f.Why, f.Hint = "It holds memory, files and ports for nobody.", strings.Replace(f.Hint, "ends them", "ends it", 1)
	}
	return []Finding{f}
}
