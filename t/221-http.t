#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# /metrics for all kinds of clients: the two formats, compressed or not, HEAD
# and what is not allowed; and clients that take their time.
use strict;
use warnings;

use IO::Socket::INET;
use IO::Uncompress::Gunzip qw(gunzip);
use Test::More;

use Test::Forebay;
use Test::Forebay::Mock;
use Test::Forebay::Util;

my $broker = Test::Forebay::Mock->new;

sub connect_to
{
	my ($f) = @_;

	return IO::Socket::INET->new(PeerAddr => $f->status->{http},
	    Proto => 'tcp', Timeout => 5);
}

# (code, headers by lower-case name, body)
sub ask
{
	my ($f, $method, %headers) = @_;
	my $sock = connect_to($f) // return (0, {}, '');
	my $answer = '';

	print $sock "$method /metrics HTTP/1.1\r\nHost: x\r\n",
	    (map { "$_: $headers{$_}\r\n" } sort keys %headers), "\r\n";
	while (sysread($sock, my $buf, 65536)) {
		$answer .= $buf;
	}
	my ($head, $body) = split /\r\n\r\n/, $answer, 2;
	my ($code) = ($head // '') =~ m{^HTTP/1\.1 (\d+)};

	return ($code // 0, { map { /^([^:]+): (.*?)\r?$/ ? (lc $1, $2) : () }
	    split /\n/, $head // '' }, $body // '');
}

# It knows this format alone; t/220 reads the other one.  Its package starts a
# server, so `make deps` leaves it out.
sub promtool_ok
{
	my ($text) = @_;

	return skip_for('promtool is missing, install prometheus')
	    unless grep { -x "$_/promtool" } split /:/, $ENV{PATH};
	my $dir = scratch();

	spew("$dir/text", $text);
	open(my $in, '<', "$dir/text") or die "text: $!";
	return is(reap(spawn(['promtool', 'check', 'metrics'], in => $in,
	    out => "$dir/out", err => "$dir/err"), 30), 0,
	    'promtool has nothing to say') ||
	    diag(slurp("$dir/out"), slurp("$dir/err"));
}

# It says that it has said all, and listens.
scenario 'a client that ends its sending side' => sub {
	my $f = Test::Forebay->new(broker => $broker,
	    topic => $broker->topic(2));

	$f->start_ready(2);
	my $sock = connect_to($f);
	my $answer = '';

	print $sock "GET /metrics HTTP/1.0\r\n\r\n";
	$sock->flush;
	shutdown($sock, 1);
	while (sysread($sock, my $buf, 65536)) {
		$answer .= $buf;
	}
	my ($length) = $answer =~ /^Content-Length: (\d+)/m;
	my ($head, $body) = split /\r\n\r\n/, $answer, 2;

	cmp_ok($length, '>', 16384, 'more than is written at once');
	is(length $body, $length, 'it gets all of it');
};

scenario 'formats' => sub {
	my $f = Test::Forebay->new(broker => $broker,
	    topic => $broker->topic(2));

	$f->start_ready(2);
	my ($code, $h, $body) = ask($f, 'GET');

	is($code, 200, 'without Accept');
	like($h->{'content-type'}, qr{^application/openmetrics-text},
	    'OpenMetrics');
	like($body, qr/# EOF\n\z/, 'to its end');
	my ($c2, $classic_h, $classic) = ask($f, 'GET',
	    Accept => 'text/plain;version=0.0.4;q=0.5,*/*;q=0.1');

	like($classic_h->{'content-type'}, qr{^text/plain; version=0\.0\.4},
	    'text/plain is what it was before OpenMetrics');
	unlike($classic, qr/^# (?:EOF|UNIT)/m, 'without an end and units');
	like($classic, qr/^# TYPE monovtx_read_total counter$/m,
	    'counters have the name of their sample');
	(undef, $h) = ask($f, 'GET', Accept =>
	    'application/openmetrics-text;version=1.0.0,text/plain;q=0.5');
	like($h->{'content-type'}, qr{^application/openmetrics-text},
	    'OpenMetrics for who takes both');
	(undef, $h, my $packed) = ask($f, 'GET', 'Accept-Encoding' => 'gzip');
	is($h->{'content-encoding'}, 'gzip', 'compressed');
	is($h->{'content-length'}, length $packed, 'all of it');
	gunzip(\$packed => \my $plain);
	like($plain, qr/# EOF\n\z/, 'and it can be read');
	(undef, $h) = ask($f, 'GET', 'Accept-Encoding' => 'gzip;q=0');
	is($h->{'content-encoding'}, undef, 'not for who forbids it');
	($code, $h, my $none) = ask($f, 'HEAD');
	is($code, 200, 'HEAD');
	is($none, '', 'has no body');
	cmp_ok($h->{'content-length'}, '>', 1000, 'and its length');
	for my $method (qw(POST PUT DELETE)) {
		($code, $h) = ask($f, $method, 'Content-Length' => 0);
		is($code, 405, "$method is not allowed");
		is($h->{allow}, 'GET, HEAD', 'what is');
	}
	for my $name (qw(fallback_sink_write_total onsuccess_sink_write_total
	    nack_total dropped_total critical_error_total
	    fallback_sink_time_count onsuccess_sink_time_count)) {
		like($body, qr/^monovtx_$name\{/m, "monovtx_$name");
	}
	promtool_ok($classic);
	$f->drain;
};

sub rss { return slurp("/proc/$_[0]/status") =~ /VmRSS:\s+(\d+)/ ? $1 : 0 }

sub descriptors { return scalar(() = glob("/proc/$_[0]/fd/*")) }

for my $kind ('slow requests', 'answers that nobody reads') {
	scenario "150 clients: $kind" => sub {
		my $f = Test::Forebay->new(broker => $broker,
		    topic => $broker->topic(4));

		$f->start_ready(4);
		my ($before, $rss) = (descriptors($f->{pid}), rss($f->{pid}));
		my $address = $f->status->{http};
		my @clients = map { IO::Socket::INET->new(
		    PeerAddr => $address, Proto => 'tcp', Timeout => 5,
		    Blocking => 0) } 1 .. 150;
		my $rest = $kind eq 'slow requests' ? '' : "\r\n";

		for my $c (grep { defined } @clients) {
			$c->blocking(0);
			syswrite($c, "GET /metrics HTTP/1.1\r\nHost: x\r\n$rest");
		}
		my ($pid) = $f->worker_pids;

		kill('KILL', $pid);
		is_soon { 2 == grep { $_ != $pid } $f->worker_pids }
		    'a killed worker comes back';
		is_soon { $f->held == 4 } 'and has its partitions';
		cmp_ok(descriptors($f->{pid}) - $before, '<=', 32 + 8,
		    'at most 32 are let in');
		cmp_ok(rss($f->{pid}) - $rss, '<', 32 * 1024,
		    'they take little memory');
		# Each is cut off after 15 s, the next ones are let in.
		close($_) for grep { defined } @clients;
		is_soon { ($f->http('/livez'))[0] == 204 }
		    'others are answered again', 60;
		$f->drain;
	};
}

done_testing();
