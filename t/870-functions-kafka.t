#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Functions of each official SDK, started by the master, between a real Kafka
# and each other: nothing is lost, repeated or changed.
use strict;
use warnings;

use Test::More;

use Test::Forebay::Function;
use Test::Forebay::Functions;
use Test::Forebay::Kafka;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

# Python and Java take long to start; their workers share one of each.
my %SDKS = (
	python => [1, success => 1, metadata => 1],
	go => [2, success => 1, metadata => 1, nack => 1],
	rust => [2, success => 1, metadata => 1, nack => 1],
	java => [1],
);

# With an SDK, if it can be had.
sub with_sdk
{
	my ($name, $language, $code) = @_;

	return scenario $name => sub {
		my $machine = Test::Forebay::Function::no_tools($language);
		my $why = $machine //
		    Test::Forebay::Function::missing($language);

		return $code->() unless $why;
		return skip_for("no functions in $language: $why",
		    machine => defined $machine);
	};
}

for my $language (qw(python go rust java)) {
	with_sdk($language, $language,
	    sub { functions_work($language, @{$SDKS{$language}}) });
}
with_sdk('keys and headers that are no text', 'python',
    sub { bytes_stay('python') });

done_testing();
