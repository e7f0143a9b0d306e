package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"mcpproxy-tray/internal/core/guard"
)

// instance finds a running instance that does not answer.
func instance(ctx context.Context, x *exam) []Finding {
	if x.Running == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+x.Running+"/healthz", nil)
	if err == nil {
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // no proxy: it is this machine
		var resp *http.Response
		if resp, err = client.Do(req); err == nil {
			_ = resp.Body.Close()
			return nil
		}
	}
	return []Finding{{Text: fmt.Sprintf("The running instance (process %d) does not answer at %s.", x.PID, x.Running),
		Why: "AI clients cannot reach any server.", Hint: fmt.Sprintf("See its log %s; end it with: kill %d", x.Dirs.AppLog(), x.PID)}}
}

// port finds an address to listen on that another program has.
func port(ctx context.Context, x *exam) []Finding {
	if x.err != nil || x.Running != "" {
		return nil // the running instance has its address
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", x.cfg.Listen)
	if err == nil {
		_ = l.Close() // it was only tried
		return nil
	}
	f := Finding{Text: fmt.Sprintf("The address %s cannot be listened on.", x.cfg.Listen), Why: "Without it no AI client can connect.",
		Hint: `Set another "listen" in the configuration.`}
	if !errors.Is(err, syscall.EADDRINUSE) {
		return []Finding{f}
	}
	f.Text = fmt.Sprintf("The address %s is taken by a program of another user.", x.cfg.Listen)
	_, number, _ := net.SplitHostPort(x.cfg.Listen)
	if n, err := strconv.Atoi(number); err == nil {
		if pid, name := listener(n); pid > 0 {
			f.Text = fmt.Sprintf("The address %s is taken by %s (process %d).", x.cfg.Listen, name, pid)
			f.Hint = `End that program, or set another "listen" in the configuration.`
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
