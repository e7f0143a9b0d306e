package upstream

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// oddTool is a definition that no library would write: odd order and spacing, unknown
// members, escapes, a number above 2^53.
const oddTool = `{"inputSchema" : {"type":"object","x-vendor":[1.0, 1e2,12345678901234567890]},"execution":{"taskSupport":"optional"},"name":"odd","annotations":{"title":"\u0041\/b"}}`

// oddResult is such a result, with a content type nobody knows.
const oddResult = `{"zeta":1,"content":[{"type":"hologram","data":"\u00e9\/<>","n":12345678901234567890}],"structuredContent":{"b":1.10,"a":null},"_meta":{"v.endor/x":1E400}}`

// serveRaw is a server written by hand. mode is a list of behaviours joined by "+".
func serveRaw(mode string) {
	has := func(what string) bool { return strings.Contains("+"+mode+"+", "+"+what+"+") }
	before(has)
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := in.ReadString('\n')
		if has("echo") && strings.Contains(line, `"tools/call"`) {
			echo(line)
			continue
		}
		if err != nil {
			if has("stubborn") {
				select {} // neither the end of its input nor SIGTERM ends it
			}
			return
		}
		var m struct {
			ID     json.RawMessage
			Method string
			Params json.RawMessage
		}
		if json.Unmarshal([]byte(line), &m) != nil {
			fmt.Fprintln(os.Stderr, "bad input:", line)
			os.Exit(9)
		}
		answer(has, string(m.ID), m.Method, string(m.Params))
	}
}

// before is what a server does before it reads.
func before(has func(string) bool) {
	if has("exit3") {
		fmt.Fprint(os.Stderr, "starting\n\x1b[31mno \a database\x1b[0m\n")
		os.Exit(3)
	}
	if has("killed") {
		me, _ := os.FindProcess(os.Getpid())
		_ = me.Kill()
		select {}
	}
	if has("banner") {
		fmt.Print("\xef\xbb\xbfServer 1.0\r\n\r\n{not json}\n[1,2]\n\x1b[32mready\x1b[0m\n")
	}
	if has("tells") {
		first, second, _ := strings.Cut(os.Getenv("API_KEY"), "-")
		fmt.Fprint(os.Stderr, "key on stderr: "+first)
		time.Sleep(20 * time.Millisecond) // two reads, most likely
		fmt.Fprintln(os.Stderr, "-"+second)
		say("key on stdout: %s", os.Getenv("API_KEY"))
		pad := strings.Repeat("x", 220)
		say("long key: %s %s %s%s", os.Getenv("API_KEY"), pad, os.Getenv("API_KEY"), strings.Repeat("y", 200<<10))
	}
	if has("chatter") {
		for {
			say("still here")
		}
	}
	if has("stubborn") {
		signal.Ignore(syscall.SIGTERM)
	}
	if has("grandchild") {
		cmd := exec.Command("sleep", "600")
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Start(); err != nil {
			panic(err)
		}
		fmt.Fprintln(os.Stderr, "grandchild", cmd.Process.Pid)
	}
	if has("flood") {
		go func() {
			for line := strings.Repeat("x", 4000); ; {
				fmt.Fprintln(os.Stderr, line)
			}
		}()
	}
}

// answer is what a server does with one message.
func answer(has func(string) bool, id, method, params string) {
	switch method {
	case methodDiscover:
		if has("modern") {
			say(`{"jsonrpc":"2.0","id":%s,"result":{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"resultType":"complete"}}`, id)
		} else if has("dies") {
			os.Exit(7)
		} else if !has("silent") {
			say(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"Method not found"}}`, id)
		}
	case "initialize":
		switch {
		case has("mute"):
		case has("closes"):
			os.Stdout.Close()
			time.Sleep(time.Hour)
		case has("caps"): // shows what the client declared
			_, caps, _ := strings.Cut(params, `"capabilities":`)
			caps, _, _ = strings.Cut(caps, `,"clientInfo"`)
			say(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32000,"message":%q}}`, id, caps)
		case has("deepgreeting"):
			say(`{"jsonrpc":"2.0","id":%s,"result":%s}`, id, strings.Repeat("[", 1<<20)+strings.Repeat("]", 1<<20))
		case has("denies"):
			say(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32000,"message":"no\u0007 licence"}}`, id)
		default:
			say(`{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{"listChanged":true}},"serverInfo":{"name":"raw","version":"1"}}}`, id)
		}
	case "notifications/initialized":
		if has("closesinput") {
			os.Stdin.Close()
			select {}
		}
		if has("stopsreading") {
			select {}
		}
	case "tools/list":
		answerList(has, id, params)
	case "tools/call":
		answerCall(has, id, params)
	case "notifications/cancelled":
		fmt.Fprintln(os.Stderr, "cancelled", params)
		if !has("deaf") {
			say(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`) // how a test knows
		}
	case methodPing:
		switch {
		case has("noping"):
			say(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"Method not found"}}`, id)
		case has("chirps"):
			say(`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"busy"}}`)
		case !has("deaf"):
			say(`{"jsonrpc":"2.0","id":%s,"result":{}}`, id)
		}
	case "params": // gives back what came in
		if params == "" {
			params = `"absent"`
		}
		say(`{"id":%s,"result":{"params":%s},"jsonrpc":"2.0"}`, id, params)
	}
}

func answerList(has func(string) bool, id, params string) {
	switch {
	case has("endless"):
		say(`{"jsonrpc":"2.0","id":%s,"result":{"tools":[],"nextCursor":"again"}}`, id)
	case strings.Contains(params, `"cursor":"two\"2"`):
		say(`{"jsonrpc":"2.0","id":%s,"result":{"tools":[{"name":"last"},{"name":"odd"},{"title":"nameless"}]}}`, id)
	default:
		say(`{"jsonrpc":"2.0","id":%s,"result":{"tools":[%s],"nextCursor":"two\"2"}}`, id, oddTool)
	}
}

func answerCall(has func(string) bool, id, params string) {
	switch {
	case strings.Contains(params, `"hang"`):
	case strings.Contains(params, `"exit"`):
		fmt.Fprintln(os.Stderr, "panic: out of luck")
		os.Exit(4)
	case strings.Contains(params, `"huge"`):
		say(`{"jsonrpc":"2.0","id":%s,"result":{"text":"%s"}}`, id, strings.Repeat("x", 3<<20))
	case strings.Contains(params, `"hugelast"`):
		say(`{"jsonrpc":"2.0","result":{"text":"%s"},"id":%s}`, strings.Repeat("x", 3<<20), id)
	case strings.Contains(params, `"deep"`):
		say(`{"jsonrpc":"2.0","id":%s,"result":%s}`, id, strings.Repeat("[", 1e6)+strings.Repeat("]", 1e6))
	case strings.Contains(params, `"deeplast"`):
		say(`{"jsonrpc":"2.0","result":{"a":%s},"id":%s}`, strings.Repeat("[", 1e6)+`"]",1`+strings.Repeat("]", 1e6), id)
	case strings.Contains(params, `"deepobject"`):
		say(`{"jsonrpc":"2.0","error":%s1%s,"id":%s}`, strings.Repeat(`{"a":`, 2e5), strings.Repeat("}", 2e5), id)
	case strings.Contains(params, `"endlessline"`):
		fmt.Printf(`{"jsonrpc":"2.0","id":%s,"result":{"text":"`, id)
		for text := strings.Repeat("x", 64<<10); ; {
			fmt.Print(text)
		}
	case strings.Contains(params, `"size":`):
		writeLoad(os.Stdout, id, json.RawMessage(params))
		fmt.Println()
	case strings.Contains(params, `"stray"`):
		n, _ := strconv.Atoi(strings.Trim(id, `"r`))
		say(`{"jsonrpc":"2.0","id":"r%d","result":{"stray":1}}`, n+1000)
		say(`{"jsonrpc":"2.0","id":null,"result":{"stray":2}}`)
		say(`{"jsonrpc":"2.0","id":%s,"method":"ping"}`, id)
		say(`{"jsonrpc":"2.0","id":%s,"result":{"once":true}}`, id)
		say(`{"jsonrpc":"2.0","id":%s,"result":{"once":false}}`, id)
	case strings.Contains(params, `"refuse"`):
		say(`{"jsonrpc":"2.0","id":%s,"error":{"message":"no","data":{"n":12345678901234567890},"code":-32050}}`, id)
	default:
		say(`{"jsonrpc":"2.0","id":%s,"result":%s}`, id, oddResult)
	}
}

// echo gives the text of a call back with as little work as possible.
func echo(line string) {
	_, id, _ := strings.Cut(line, `"id":`)
	id = id[:strings.IndexAny(id, ",}")]
	_, text, _ := strings.Cut(line, `"text":"`)
	text, _, _ = strings.Cut(text, `"`)
	os.Stdout.WriteString(`{"jsonrpc":"2.0","id":` + id + `,"result":{"content":[{"type":"text","text":"` + text + `"}]}}` + "\n")
}
