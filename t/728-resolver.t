#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A resolver that stops answering while librdkafka asks it: the master ends all
# the same, and says what it has not waited for.
use strict;
use warnings;

use Test::More;

use Test::Forebay;
use Test::Forebay::Mock;
use Test::Forebay::Util;

scenario 'a stop while a look-up hangs' => sub {
	my $b = Test::Forebay::Mock->new;
	my $topic = $b->topic(2);
	my $dir = scratch();
	my $hangs = "$dir/hangs";
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    sink => 'blackhole', no_ledger => 'the broker is gone',
	    host => { drainTimeout => '2s' },
	    env => { RESOLVER_HANGS => $hangs,
		LD_PRELOAD => build_dir() . '/t/preload/resolver.so' });

	$f->start;
	$f->await_held(2);
	is_soon {
		!grep { !defined $_->{committed} } values %{$f->partitions};
	} 'where it begins is committed';
	# One of each worker's, and one of the master's at least.
	spew($hangs, '');
	$b->halt;
	is_soon { -s $hangs > 2 } 'look-ups hang';
	$f->signal('TERM');
	is($f->await_exit, 0, 'stopped');
	like($f->log_text,
	    qr/the thread that calls Kafka closes a client.*not waited for/,
	    'and what was not waited for is said');
};

done_testing();
