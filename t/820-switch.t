#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# SIGHUP from the C workers to others and back, ten times, while records flow:
# it is a roll, so the group does not notice, nothing is lost, and nothing is
# read twice, since each lane is drained before it is handed on.
use strict;
use warnings;

use Test::More;

use Test::Forebay;
use Test::Forebay::Kafka;
use Test::Forebay::Load;
use Test::Forebay::Util;

if (my $why = Test::Forebay::no_python()) {
	skip_for($why);
	done_testing();
	exit;
}
Test::Forebay::Kafka->need;

my $TIMES = $ENV{FOREBAY_SWITCHES} // 10;

# One by one, until all that runs is of that runtime.
sub switch_to
{
	my ($load, $runtime) = @_;
	my ($f) = $load->hosts;
	my $generation = $f->manifest_generation;

	$load->breaks;
	$f->edit(sub {
		$_[0]{containerTemplate} = Test::Forebay::chosen($runtime) });
	$f->signal('HUP');
	is_soon {
		my $status = $f->status;
		my @workers = @{$status->{workers}};

		return $status->{manifest}{generation} > $generation &&
		    $status->{runtime} eq $runtime && @workers == 2 &&
		    !grep { $_->{runtime} ne $runtime } @workers;
	} "all workers are of the runtime $runtime", 60;
	$load->recovers('switch runtime');
	return;
}

scenario 'from C to Python and back, under load' => sub {
	my $load = Test::Forebay::Load->new(Test::Forebay::Kafka->shared);
	my ($f) = $load->hosts;
	my $generation = $f->group_generation;

	for (1 .. $TIMES) {
		switch_to($load, $_) for qw(python c);
	}
	is($f->group_generation, $generation, 'no rebalance');
	is($f->status->{counters}{deaths}, 0, 'no worker has died of it');
	is($f->metric('forebay_worker_info', runtime => 'c'), 2,
	    'the metrics say who runs');
	$load->verdict(repeated => 0);
};

# What does not start does not take over.
scenario 'a runtime that does not get ready changes nothing' => sub {
	my $load = Test::Forebay::Load->new(Test::Forebay::Kafka->shared);
	my ($f) = $load->hosts;
	my @pids = $f->worker_pids;
	my ($status, $text) = $f->reload(sub {
		$_[0]{containerTemplate} = Test::Forebay::chosen('broken');
		$_[1]{runtimes}{broken} = { command => ['/bin/false'],
		    protocol => 'worker' };
	});

	isnt($status, 0, 'the reload fails');
	like($text, qr/did not get ready/, 'and says why');
	is($f->status->{runtime}, 'c', 'the runtime is the old one');
	is_deeply([$f->worker_pids], \@pids, 'and so are its workers');
	($status, $text) = $f->reload(sub {
		$_[1]{runtimes}{broken} = { command => ['/bin/nothing'],
		    protocol => 'worker' };
	});
	isnt($status, 0, 'a program that is not there is refused');
	like($text, qr{of "broken", /bin/nothing, is missing}, 'by its path');
	$load->verdict(repeated => 0);
};

done_testing();
