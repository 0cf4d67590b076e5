#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The only broker is stopped in order, then killed, and each time comes back.
# How long it is away is FOREBAY_FAULT_SECONDS (5).
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use Test::Forebay::Kafka;
use Test::Forebay::Load;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

my $broker = Test::Forebay::Kafka->private;

sub goes_and_comes
{
	my ($signal, $name) = @_;
	my $load = Test::Forebay::Load->new($broker);
	my ($f) = $load->hosts;
	my $until = time + seconds(5);

	$load->breaks;
	$broker->stop($signal);
	$f->{no_ledger} = 'the broker is away';
	is_soon { ($f->http('/readyz'))[0] >= 500 } '/readyz says so';
	is_soon { grep { $_->{what} eq 'broker' } @{$f->status->{alarms}} }
	    'and the status why';
	is(($f->http('/livez'))[0], 204, 'it is alive all the same');
	wait_until { time > $until } 'a while has passed', seconds(5) + 30;
	my @pids = $f->worker_pids;

	$broker->start->await;
	delete $f->{no_ledger};
	my $back = time;

	$load->recovers($name);
	note(sprintf('%.2f s after the broker answered', time - $back));
	is_soon { ($f->http('/readyz'))[0] == 204 } 'ready by itself';
	is_deeply([$f->worker_pids], \@pids, 'by the same workers');
	# What was acked while commits could not be confirmed is kept in the
	# ledger, and committed afterwards.
	$load->verdict(repeated => 0);
}

scenario 'the broker is stopped' => sub {
	goes_and_comes('TERM', 'the only broker is stopped for '
	    . seconds(5) . ' s');
};

scenario 'the broker is killed' => sub {
	goes_and_comes('KILL', 'the only broker is killed for '
	    . seconds(5) . ' s');
};

done_testing();
