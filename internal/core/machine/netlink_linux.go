package machine

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// readWays reads the ways out from the kernel.
func readWays() ([]way, error) {
	links, err := readLinks()
	if err != nil {
		return nil, err
	}
	var failed error
	ways := waysOut(links, func() (over []int) {
		over, failed = readDefaults()
		return over
	})
	return ways, failed
}

// readLinks reads the interfaces and their addresses.
func readLinks() ([]link, error) {
	var links []link
	at := map[int]int{} // interface index -> index in links
	err := dump(syscall.RTM_GETLINK, func(m *syscall.NetlinkMessage) error {
		if len(m.Data) < unix.SizeofIfInfomsg {
			return nil
		}
		attrs, err := syscall.ParseNetlinkRouteAttr(m)
		if err != nil {
			return err
		}
		l := parseLink(m.Data, attrs)
		at[l.index] = len(links)
		links = append(links, l)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return links, dump(syscall.RTM_GETADDR, func(m *syscall.NetlinkMessage) error {
		if len(m.Data) < unix.SizeofIfAddrmsg {
			return nil
		}
		attrs, err := syscall.ParseNetlinkRouteAttr(m)
		if err != nil {
			return err
		}
		index, prefix, ok := parseAddr(m.Data, attrs)
		if i, known := at[index]; ok && known {
			links[i].prefixes = append(links[i].prefixes, prefix)
		}
		return nil
	})
}

// readDefaults reads which interfaces the default routes of the main table go over.
func readDefaults() (over []int, err error) {
	err = dump(syscall.RTM_GETROUTE, func(m *syscall.NetlinkMessage) error {
		if len(m.Data) < unix.SizeofRtMsg {
			return nil
		}
		attrs, err := syscall.ParseNetlinkRouteAttr(m)
		if err != nil {
			return err
		}
		over = append(over, parseDefault(m.Data, attrs)...)
		return nil
	})
	return over, err
}

// dump asks the kernel for all of a kind and calls f for each.
func dump(request int, f func(*syscall.NetlinkMessage) error) error {
	data, err := syscall.NetlinkRIB(request, syscall.AF_UNSPEC)
	if err != nil {
		return fmt.Errorf("ask netlink: %w", err)
	}
	messages, err := syscall.ParseNetlinkMessage(data)
	if err != nil {
		return fmt.Errorf("parse netlink: %w", err)
	}
	for i := range messages {
		if answer := request - 2; int(messages[i].Header.Type) != answer { // RTM_NEWLINK, DEL, GET …
			continue
		}
		if err := f(&messages[i]); err != nil {
			return fmt.Errorf("parse netlink: %w", err)
		}
	}
	return nil
}

// parseLink reads struct ifinfomsg: family, pad, type (2), index (4), flags (4), change (4).
func parseLink(data []byte, attrs []syscall.NetlinkRouteAttr) link {
	flags := binary.NativeEndian.Uint32(data[8:])
	l := link{
		index:    int(binary.NativeEndian.Uint32(data[4:])),
		up:       flags&unix.IFF_UP != 0 && flags&unix.IFF_RUNNING != 0,
		loopback: flags&unix.IFF_LOOPBACK != 0,
	}
	for _, a := range attrs {
		switch a.Attr.Type &^ unix.NLA_F_NESTED {
		case unix.IFLA_MASTER:
			l.master = number(a.Value)
		case unix.IFLA_LINKINFO:
			l.kind = kindOf(a.Value)
		}
	}
	return l
}

// kindOf finds IFLA_INFO_KIND among nested attributes: length (2), type (2), value, aligned to 4.
func kindOf(nest []byte) string {
	for len(nest) >= unix.SizeofRtAttr {
		size := int(binary.NativeEndian.Uint16(nest))
		if size < unix.SizeofRtAttr || size > len(nest) {
			return ""
		}
		if binary.NativeEndian.Uint16(nest[2:]) == unix.IFLA_INFO_KIND {
			return string(bytes.TrimRight(nest[unix.SizeofRtAttr:size], "\x00"))
		}
		nest = nest[min((size+3)&^3, len(nest)):]
	}
	return ""
}

// parseAddr reads struct ifaddrmsg: family, prefixlen, flags, scope, index (4). An
// address that is not in use yet, or was found to be somebody else's, is none.
func parseAddr(data []byte, attrs []syscall.NetlinkRouteAttr) (index int, p netip.Prefix, ok bool) {
	if data[2]&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) != 0 {
		return 0, p, false
	}
	var addr netip.Addr
	for _, a := range attrs {
		// IFA_ADDRESS is the other end of a point-to-point link; IFA_LOCAL is then ours.
		if v, fits := netip.AddrFromSlice(a.Value); fits && (a.Attr.Type == unix.IFA_LOCAL || a.Attr.Type == unix.IFA_ADDRESS && !addr.IsValid()) {
			addr = v
		}
	}
	p = netip.PrefixFrom(addr, int(data[1]))
	return int(binary.NativeEndian.Uint32(data[4:])), p, p.IsValid()
}

// parseDefault reads struct rtmsg: family, dst_len, src_len, tos, table, protocol, scope,
// type, flags (4). It returns the interfaces of a default route, none for another.
func parseDefault(data []byte, attrs []syscall.NetlinkRouteAttr) (over []int) {
	if data[1] != 0 || data[4] != unix.RT_TABLE_MAIN || data[7] != unix.RTN_UNICAST {
		return nil
	}
	for _, a := range attrs {
		switch a.Attr.Type {
		case unix.RTA_OIF:
			over = append(over, number(a.Value))
		case unix.RTA_MULTIPATH: // struct rtnexthop: len (2), flags, hops, ifindex (4), attributes
			for hops := a.Value; len(hops) >= unix.SizeofRtNexthop; {
				size := int(binary.NativeEndian.Uint16(hops))
				if size < unix.SizeofRtNexthop || size > len(hops) {
					break
				}
				over = append(over, number(hops[4:8]))
				hops = hops[min((size+3)&^3, len(hops)):]
			}
		}
	}
	return over
}

func number(value []byte) int {
	if len(value) < 4 {
		return 0
	}
	return int(binary.NativeEndian.Uint32(value))
}
