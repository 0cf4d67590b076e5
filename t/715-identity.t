#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# What the broker knows masters by: no two have the same name by default, not
# even with one manifest on one machine.
use strict;
use warnings;

use Test::More;

use Test::Forebay::ExactlyOnce;
use Test::Forebay::Kafka;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

my $b = Test::Forebay::Kafka->shared;

sub instance { return $_[0]->status->{group}{instance} }

# A daemon on its own run directory by `run -d`; the manifest names another.
sub on_directory
{
	my ($topic, $copy, $shared, %opt) = @_;
	my $dir = scratch();
	my $f = Test::Forebay::ExactlyOnce::to_copy($b, $topic, $copy,
	    host => { runDirectory => "$shared" }, args => ['-d', "$dir/run"],
	    %opt);

	$f->{run} = "$dir/run";
	$f->{kept} = $dir;
	return $f;
}

# Transactions and all: the workers' names are made of the master's.
scenario 'one manifest, two run directories by -d' => sub {
	my $topic = $b->topic(4);
	my $copy = $b->topic(4, output => 1);
	my $shared = scratch();
	my $f = on_directory($topic, $copy, $shared);
	my $g = on_directory($topic, $copy, $shared, group => $f->{group});

	$f->start;
	$g->start;
	wait_until { $f->held == 2 && $g->held == 2 } 'two and two', 60;
	isnt(instance($f), instance($g), 'they have different names');
	my $generation = $f->group_generation;
	my $p = $b->producer($topic, rate => 1000);

	wait_until { $p->acked > 3000 } 'records flow';
	$p->close;
	$f->await_caught_up;
	is($f->group_generation, $generation, 'nobody was made to join anew');
	unlike($_->log_text, qr/fenced/i, 'nor fenced') for $f, $g;
	my $name = instance($f);

	$_->drain for $f, $g;
	$f->{copy} = $copy;
	Test::Forebay::ExactlyOnce::once_ok($b, $f, produced => undef);
	$f->start_ready(4);
	is(instance($f), $name, 'a restart keeps the name');
	ok(!-e "$shared/identity", "nothing is in the manifest's directory");
};

done_testing();
