#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# What is served over HTTP.
use strict;
use warnings;

use IO::Socket::INET;
use Test::More;

use Test::Forebay;
use Test::Forebay::Mock;
use Test::Forebay::Util;

scenario 'health and metrics' => sub {
	my $b = Test::Forebay::Mock->new;
	my $topic = $b->topic(4);
	my $f = Test::Forebay->new(broker => $b, topic => $topic);

	$f->start_ready(4);
	$b->produce($topic, 4000);
	$f->await_caught_up;
	is(($f->http('/livez'))[0], 204, '/livez');
	is_soon { ($f->http('/readyz'))[0] == 204 } '/readyz';
	is(($f->http('/nonsense'))[0], 404, 'anything else is not there');

	my ($code, $text) = $f->http('/metrics');

	is($code, 200, '/metrics');
	like($text, qr/\n# EOF\n\z/, 'OpenMetrics has an end');
	is($f->metric('monovtx_read_total', mvtx_name => 'demo'), 4000,
	    'read, by the name of the reference');
	is($f->metric("monovtx_${_}_total"), 4000, $_) for qw(ack sink_write);
	for my $p (0 .. 3) {
		my %one = (topic => $topic, partition => $p);

		is($f->metric("forebay_partition_$_", %one), 1000,
		    "$_ of $p") for qw(position acked committed high);
		is($f->metric('forebay_partition_lag', %one), 0,
		    "lag of $p");
	}
	# Every sample belongs to a family that was announced.
	my (%family, @orphans);

	for (split /\n/, $text) {
		if (/^# TYPE (\S+) (\S+)/) {
			fail("$1 is announced twice") if $family{$1}++;
		} elsif (/^(\w+)/) {
			(my $name = $1) =~
			    s/_(?:total|bucket|count|sum|info)$//;
			push @orphans, $1 unless $family{$name} ||
			    $family{$1};
		}
	}
	is("@orphans", '', 'each sample has a type');
};

scenario 'what was revoked disappears' => sub {
	my $b = Test::Forebay::Mock->new;
	my $topic = $b->topic(4);
	my $f = Test::Forebay->new(broker => $b, topic => $topic);
	my $g = Test::Forebay->new(broker => $b, topic => $topic,
	    group => $f->{group});
	my $count = sub {
		my (undef, $text) = $_[0]->http('/metrics');

		return scalar(() = $text =~ /^forebay_partition_lag\{/mg);
	};

	$f->start_ready(4);
	is($count->($f), 4, 'four partitions');
	$g->start;
	is_soon { $f->held == 2 && $g->held == 2 } 'two and two', 60;
	is($count->($f), 2, 'two partitions');
};

scenario 'bad clients do no harm' => sub {
	my $b = Test::Forebay::Mock->new;
	my $f = Test::Forebay->new(broker => $b, topic => $b->topic(1));

	$f->start_ready(1);
	my $address = $f->status->{http};

	for my $bytes ("\0" x 100_000, "GET /" . 'x' x 100_000,
	    "NONSENSE / HTTP/1.1\r\n\r\n", "GET / HTTP/1.0\r\n",
	    "POST /metrics HTTP/1.0\r\nContent-Length: 99999999\r\n\r\n") {
		my $sock = IO::Socket::INET->new(PeerAddr => $address,
		    Timeout => 5) or next;

		local $SIG{PIPE} = 'IGNORE';
		syswrite($sock, $bytes);
		close($sock);
	}
	is(($f->http('/livez'))[0], 204, 'it is alive');
	is((($f->http('/metrics'))[0]), 200, 'and serves');
};

scenario 'turned off' => sub {
	my $b = Test::Forebay::Mock->new;
	my $f = Test::Forebay->new(broker => $b, topic => $b->topic(1),
	    host => { http => { listen => 'off' } });

	$f->start_ready(1);
	is($f->status->{http}, undef, 'no address');
};

done_testing();
