// Package reverseproxy tests the server behind the reverse proxies that deploy/ has configurations
// for.
package reverseproxy
