package outbound

import (
	"errors"
	"net/netip"
	"testing"
)

func TestPublic_FollowsTheIANARegistries(t *testing.T) {
	for text, expected := range map[string]bool{
		"8.8.8.8": true, "1.1.1.1": true, "2606:4700::1111": true, "172.32.0.1": true, "100.128.0.1": true,
		"127.0.0.1": false, "127.9.9.9": false, "0.0.0.0": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false,
		"169.254.169.254": false, "100.64.0.1": false, "100.100.100.200": false, "224.0.0.1": false, "239.255.255.255": false,
		"255.255.255.255": false, "240.0.0.1": false, "198.18.0.1": false, "192.0.0.192": false,
		"::": false, "::1": false, "::ffff:127.0.0.1": false, "::ffff:8.8.8.8": false, "::127.0.0.1": false,
		"fe80::1": false, "fc00::1": false, "fd00:ec2::254": false, "ff02::1": false, "fec0::1": false,
		"64:ff9b::7f00:1": false, "2002:7f00:1::": false, "2001::1": false, "2001:db8::1": false,
	} {
		if seen := public(netip.MustParseAddr(text)); seen != expected {
			t.Errorf("%s is public: %v, expected %v", text, seen, expected)
		}
	}
}

func TestGuard_ChecksTheDialedAddress(t *testing.T) {
	for _, c := range []struct {
		address string
		private bool
		ok      bool
	}{{"8.8.8.8:443", false, true}, {"127.0.0.1:443", false, false}, {"127.0.0.1:443", true, true}, {"[::ffff:10.0.0.1]:1935", false, false}} {
		err := Guard(c.private)("tcp", c.address, nil)
		if (err == nil) != c.ok || err != nil && !errors.Is(err, ErrPrivate) {
			t.Errorf("%s, private allowed %v: got %v", c.address, c.private, err)
		}
	}
	if Guard(true)("tcp", "example.com:443", nil) == nil {
		t.Error("a name is accepted as an address")
	}
}
